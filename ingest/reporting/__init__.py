"""Reports for people and programs: tables, files, pages, and the way to ask for them.

Rule: nothing is computed here; every form is written from the same value (`alerts.reports.figure.Report`).
"""
