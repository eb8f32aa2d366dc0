"""The documentation site: how Sphinx builds it. `make docs` builds it strictly, without the network."""

import hashlib
import logging
import os
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE), str(ROOT)]
os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), str(ROOT)])  # of the processes that run tutorials
os.environ["JUPYTER_PATH"] = str(HERE / "making")  # where making/kernels/ says how they start

project = "bayescale"
author = "The bayescale authors"
copyright = "the bayescale authors, Apache License 2.0"
release = installed_version("bayescale")

extensions = [
    "sphinx.ext.autodoc",
    "numpydoc",
    "myst_nb",
    "sphinx_copybutton",
    "sphinx_design",
    "making.pages",
    "making.links",
    "making.cells",
    "making.mathml",
    "making.offline",
]
exclude_patterns = ["_build", "laws/_*"]
nitpicky = True
suppress_warnings = ["myst.header"]  # an answer's page may begin its parts at any level

html_theme = "furo"
pygments_dark_style = "monokai"
html_title = "bayescale"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#00558c", "color-brand-content": "#00558c"},
    "dark_css_variables": {"color-brand-primary": "#6cc0f0", "color-brand-content": "#6cc0f0"},
}
html_math_renderer = "mathml"

myst_enable_extensions = ["attrs_block", "colon_fence", "deflist", "dollarmath", "fieldlist"]
myst_heading_anchors = 4
myst_fence_as_directive = ["math"]
myst_dmath_double_inline = True

autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

copybutton_exclude = ".linenos, .gp, .go"


def source_hash() -> str:
    """Hash of what a tutorial's numbers depend on besides the tutorial, so that another version runs it again."""
    found = hashlib.sha256()
    used = ("bayescale/**/*.py", "models/*.py", "datasets/*/*", "docs/making/cells.py", "docs/tutorials/*.[cp]*")
    for path in sorted(path for pattern in used for path in ROOT.glob(pattern) if path.suffix != ".pyc"):
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


logging.getLogger("traitlets").setLevel(logging.WARNING)  # otherwise each tutorial announces itself
nb_execution_mode = "cache"
executed_with = source_hash()
nb_execution_cache_path = str(HERE / "_build" / "executed" / executed_with)
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_execution_timeout = 300
nb_merge_streams = True
nb_mime_priority_overrides = [("html", "image/png", 5)]

linkcheck_timeout = 20
linkcheck_retries = 2
linkcheck_workers = 4


def setup(app):
    """Read every page again if the code has changed: Sphinx alone would take tutorials for up to date."""
    app.add_config_value("executed_with", "", "env", [str])
