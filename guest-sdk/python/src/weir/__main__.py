"""`python -m weir build app.py -o app.wasm`."""

import sys

from .build import main

if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments[:1] != ["build"]:
        print("usage: python -m weir build app.py -o app.wasm", file=sys.stderr)
        sys.exit(2)
    sys.exit(main(arguments[1:]))
