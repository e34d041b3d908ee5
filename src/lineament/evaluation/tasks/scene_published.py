"""Published figures of aerial sets, by task; or why there is none beside ours."""

from collections.abc import Mapping

from lineament.evaluation.tasks.task import Published

SCORED = "EarthDial's released predictions, scored by lineament score"
NOTED = "the project's notes on the published papers; not scored by lineament score"
_LISAT = "LISAt, arXiv 2505.02829, as in the project's notes; not rerun here"
_TUNED = "trained on the train part"
_SPLIT = f"{_TUNED}; BLEU of captions split without its usual tokenizer, so that marks count"
_LABEL = (
    f"{_SPLIT}; the columns of RSICD and Sydney bear one name there, and which is which is our "
    "reading"
)
_CIDER = f"{_TUNED}; CIDEr in hundredths there, 0 to 10 here"
_BLIND = "not trained on it; CIDEr in hundredths there, 0 to 10 here"


def _publish(system: str, source: str, caution: str, **figures: float) -> tuple[Published, ...]:
    return tuple(Published(system, name, value, source, caution) for name, value in figures.items())


def _earthdial(source: str, caution: str = _TUNED, **figures: float) -> tuple[Published, ...]:
    return _publish("EarthDial", source, caution, **figures)


_UCM = (
    ("RS-GPT4V", _CIDER, 65.74, 3.3323),
    ("LISAt-PRE", f"{_SPLIT}; CIDEr in hundredths there, 0 to 10 here", 72.34, 3.5532),
    ("SAA", _CIDER, 64.77, 2.9451),
    ("RTRMN (stat)", _CIDER, 63.93, 3.1270),
    ("post-processing", _CIDER, 62.62, 3.0964),
    ("SVM-D CONC", _CIDER, 59.42, 2.9228),
    ("SD-RSIC", _CIDER, 53.80, 2.1320),
    ("LLaVA-1.5-7B", _BLIND, 5.54, 0.3267),
    ("LLaVA-1.6-7B", _BLIND, 5.44, 0.2386),
)

PUBLISHED: Mapping[str, tuple[Published, ...]] = {
    "rsvqa-lr": _earthdial(
        SCORED, exact_match_presence=92.59, exact_match_comp=92.75,
        exact_match_rural_urban=94.00, exact_match_count=27.69, exact_match=73.55,
    ),
    "rsicd": (
        *_earthdial(SCORED, bleu4=35.17),
        *_publish("LISAt-PRE", _LISAT, _LABEL, bleu4=36.1),
    ),
    "rsitmd": _earthdial(NOTED, bleu4=11.36),
    "ucm-captions": (
        *_earthdial(NOTED, bleu4=26.40),
        *(
            published
            for system, caution, bleu4, cider in _UCM
            for published in _publish(system, _LISAT, caution, bleu4=bleu4, cider=cider)
        ),
    ),
    "sydney-captions": (
        *_earthdial(NOTED, f"{_TUNED}; on 11 of the 58 pictures", bleu4=30.18),
        *_publish("LISAt-PRE", _LISAT, _LABEL, bleu4=54.2),
    ),
    "nwpu-captions": (
        *_earthdial(NOTED, bleu4=66.60),
        *_publish("LISAt-PRE", _LISAT, _SPLIT, bleu4=65.8),
        *_publish(
            "ViT-GPT2", NOTED, _TUNED, bleu1=87.84, bleu2=76.75, bleu3=67.93, bleu4=60.29
        ),
    ),
    "aid": _earthdial(NOTED, "on 3,000 pictures of its own choice; another part here",
                      accuracy=68.83),
    "uc-merced": _earthdial(NOTED, "on all 2,100 pictures: split `all` here", accuracy=80.76),
}  # fmt: skip

# A set stands either above or here; a reader of the page is told why.
WITHOUT: Mapping[str, str] = {
    "rsvqa-hr": "the papers that Lineament follows give no figure for RSVQA-HR; RS-GPT4V's "
    "abstract and summaries tell how many of its questions were used, not how they were answered",
    "rsivqa": "the papers that Lineament follows train on RSIVQA's HRRSD questions and test on "
    "none of it, and its parts are by source, not official train and test parts",
    "dior-rsvg": "the figures we know of are about the official split, which puts one picture on "
    "both sides; this part is cut by picture, as RS-GPT4V's counts show, and RS-GPT4V's own "
    "figure is not in its abstract or summaries",
    "rsvg-hr": "the papers that Lineament follows print no figure for RSVG-HR",
    "nwpu-resisc45": "LISAt trains on 31,500 of its pictures and prints no figure; the set has no "
    "official split, so that this part is nobody else's",
    "floodnet": "the answers of val and test are not given out, so published figures are about "
    "parts that cannot be scored here",
}


def note_of(name: str) -> tuple[str, ...]:
    """Return why a task has no published figure, as notes of its items; empty where it has one."""
    return (f"No published figure stands beside: {WITHOUT[name]}.",) if name in WITHOUT else ()
