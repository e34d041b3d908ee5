"""How many frames a second of processor time the face renderer draws on one core.

Run: .venv/bin/python benchmarks/render_speed.py [--clips 12] [--size 128] [--style shaded]
"""

import argparse
import time

from lineament.render import FaceRenderer, sample_face


def main() -> None:
    """Draw clips of sampled faces; print set-up time and frames per second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=12)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--style", choices=("shaded", "flat"), default="shaded")
    args = parser.parse_args()
    setup = drawing = 0.0
    frames = 0
    for seed in range(args.clips):
        start = time.process_time()
        annotation = sample_face(seed, duration_seconds=3.0)
        renderer = FaceRenderer(annotation, style=args.style, size_px=args.size, seed=seed)
        ready = time.process_time()
        for index in range(annotation.num_frames):
            renderer.draw(index / annotation.fps)
        setup += ready - start
        drawing += time.process_time() - ready
        frames += annotation.num_frames
    print(f"{args.style} {args.size} px: {frames / drawing:.0f} frames a second drawn,")
    print(
        f"{frames / (drawing + setup):.0f} with set-up ({1000 * setup / args.clips:.0f} ms a clip)"
    )


if __name__ == "__main__":
    main()
