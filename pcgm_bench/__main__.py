"""``python -m pcgm_bench``."""

from pcgm_bench.cli.main import main

if __name__ == "__main__":
    main()
