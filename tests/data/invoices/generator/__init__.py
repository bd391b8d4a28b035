"""Draws the sample invoices and writes down what is known about each. Run `../generate.py`."""
