"""What pycocoevalcap gives for pre-tokenised captions, timed; run by a Python that has it.

Installed alone in its own environment, since it is Java beside numpy and no part of ours:
``python -m venv coco && coco/bin/pip install pycocoevalcap numpy==1.26.4``.
Reads ``{"candidates": [[word]], "references": [[[word]]]}``, writes scores and seconds.
"""

import contextlib
import io
import json
import sys
import time


def main() -> None:
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    with open(sys.argv[1], encoding="utf-8") as file:
        given = json.load(file)
    repeats = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    truth = {i: [" ".join(r) for r in own] for i, own in enumerate(given["references"])}
    said = {i: [" ".join(own)] for i, own in enumerate(given["candidates"])}
    result: dict = {"seconds": {}}
    for name, scorer in (("bleu", Bleu(4)), ("rouge_l", Rouge()), ("cider", Cider())):
        times = []
        for _ in range(repeats):
            started = time.perf_counter()
            with contextlib.redirect_stdout(io.StringIO()):
                score, each = scorer.compute_score(truth, said)
            times.append(time.perf_counter() - started)
        result[name] = [float(s) for s in score] if name == "bleu" else float(score)
        if name != "bleu":
            result[f"{name}_each"] = [float(s) for s in each]
        result["seconds"][name] = times
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
