"""The store on disk: what is written is found, damaged entries are missing, the limit holds."""

import os
from pathlib import Path

import pytest

from lineament.cache import DiskCache, hash_parts
from lineament.errors import BadStore


def test_what_was_written_is_found_by_another_reader(tmp_path: Path):
    key = hash_parts("weights", b"pixels")
    DiskCache(tmp_path, limit_bytes=1000).write(key, b"features")
    other = DiskCache(tmp_path, limit_bytes=1000)
    assert other.find(key) == b"features"
    assert other.find(hash_parts("weights", b"others")) is None
    assert (other.num_hits, other.num_misses) == (1, 1)


def test_parts_are_kept_apart_in_the_key():
    assert hash_parts("ab", "c") != hash_parts("a", "bc")
    assert hash_parts("a") == hash_parts(b"a")


def test_a_damaged_entry_counts_as_missing_and_goes(tmp_path: Path):
    cache = DiskCache(tmp_path, limit_bytes=1000)
    cache.write("abcd", b"features")
    path = tmp_path / "ab" / "cd"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert cache.find("abcd") is None
    assert not path.exists()


def test_the_limit_holds_and_what_was_used_last_stays(tmp_path: Path):
    cache = DiskCache(tmp_path, limit_bytes=200)
    for number in range(5):
        cache.write(f"aa{number}", bytes(40))
        os.utime(tmp_path / "aa" / str(number), (number, number))
    assert cache.find("aa0") is not None  # now the last one used
    assert cache.trim() == 2
    assert cache.count_bytes() <= 200
    assert {path.name for path in (tmp_path / "aa").iterdir()} == {"0", "3", "4"}


def test_an_entry_beyond_the_limit_is_not_kept(tmp_path: Path):
    cache = DiskCache(tmp_path, limit_bytes=10)
    cache.write("aaaa", bytes(11))
    assert cache.find("aaaa") is None


def test_wiping_takes_everything_or_only_what_is_old(tmp_path: Path):
    cache = DiskCache(tmp_path, limit_bytes=1000)
    for key in ("aa1", "aa2"):
        cache.write(key, b"x")
    os.utime(tmp_path / "aa" / "1", (1, 1))
    assert cache.clear(older_than_seconds=1000) == 1
    assert cache.find("aa2") == b"x"
    assert cache.clear() == 1


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadStore, match="file"):
        DiskCache(tmp_path / "file" / "below", limit_bytes=1)
