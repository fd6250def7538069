"""The commands of `annotator`, a file each; `annotator.cli` names them."""
