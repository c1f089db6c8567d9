"""Files as instruments write them.

A table of numbers passes `text` (separator, header), `rows` (numbers), `headers` (units) and ends as a
`Table` in SI (`tables`). `maps` reads images of scanning microscopes, one function a format.
"""
