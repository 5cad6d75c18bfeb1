"""Side-by-side measurements: `make bench`, or `python -m bench orders` for one target; results in bench/last.json."""
