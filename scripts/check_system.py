"""Check the system libraries that wheels do not carry, and name the line that installs them."""

import ctypes
import sys

# What needs it, the library, Debian's package.
NEEDED = (
    ("mediapipe (through OpenCV)", "libGL.so.1", "libgl1"),
    ("mediapipe (through OpenCV)", "libglib-2.0.so.0", "libglib2.0-0"),
    ("skia-python", "libEGL.so.1", "libegl1"),
)


def find_missing() -> list[tuple[str, str, str]]:
    missing = []
    for user, library, package in NEEDED:
        try:
            ctypes.CDLL(library)
        except OSError:
            missing.append((user, library, package))
    return missing


def main() -> int:
    if sys.version_info[:2] not in ((3, 11), (3, 12)):
        version = ".".join(map(str, sys.version_info[:3]))
        print(f"error: Python {version}, but mediapipe 0.10.21 has wheels for 3.11 and 3.12 only")
        print("hint: make setup PYTHON=python3.11")
        return 1
    missing = find_missing()
    if not missing:
        return 0
    for user, library, _ in missing:
        print(f"error: {library} is missing; {user} needs it")
    packages = " ".join(dict.fromkeys(package for _, _, package in missing))
    print(f"hint: sudo apt-get install {packages}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
