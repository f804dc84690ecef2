"""A page about the results of a sweep: one HTML file that asks the network for nothing.

Names and messages come from files of somebody else: every piece of text is escaped where it is put into the
page (`pieces.escaped`), and the page's own policy forbids scripts and requests besides.
"""

from jaxstack.page.document import page

__all__ = ["page"]
