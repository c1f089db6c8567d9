"""Files as instruments write them: tables with units in their headers, and maps of scanning microscopes."""
