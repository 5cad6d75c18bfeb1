"""One module a target; each has `run(stand) -> list[Row]` and is called by bench/__main__.py."""
