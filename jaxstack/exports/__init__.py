"""Results on paper and in other programs: data frames, CSV, LaTeX with booktabs, HTML, plain text.

What can be exported makes one `Table`, which knows all of these; `words` writes numbers, here and on pages,
pictures and the terminal.
"""

from jaxstack.exports.table import Exported, ExportedWithNames, Section, Table

__all__ = ["Exported", "ExportedWithNames", "Section", "Table"]
