"""``python -m tests.vectors`` writes the vectors anew, as the Python code has them."""

from tests.vectors.made import FOLDER, MADE, text_of

for name, make in MADE.items():
    (FOLDER / f"{name}.json").write_text(text_of(make()))
