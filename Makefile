.PHONY: bench check ci cov docs figure format gallery links long page quick release test

check: ; uv run ruff check && uv run ruff format --check && uv run mypy
test: ; uv run pytest -n 2
long: ; uv run pytest -n 2 -m long tests
quick: ; uv run pytest -n 2 -m "not (long or slow or docs or faults or fuzz or browser or wheel)" tests
cov: ; uv run --with pytest-cov pytest -n 2 --cov=bayescale --cov=models --cov-report=term --cov-report=html
format: ; uv run ruff check --fix && uv run ruff format
bench: ; uv run python benchmarks/speed.py
figure: ; uv run bayescale plan --plot docs/plan.png
gallery: ; uv run python docs/make_gallery.py
page: ; uv run bayescale report -o report.html
docs: ; .ci/site && uv run pytest -n 2 tests/docs tests/test_architecture.py
links: ; .ci/site linkcheck
ci: ; .ci/run
release: ; .ci/release
