"""The template writer: an annotation in, drafts of every kind out; offline and seeded."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import final

from lineament.annotation import Annotation
from lineament.records.record import Record, Turn
from lineament.records.write.draft import Draft, Write
from lineament.records.write.view import View
from lineament.records.write.yes_no import write_yes_no

VERSION = "template-1"
KINDS: Mapping[str, Write] = {
    "yes_no": write_yes_no,
}
