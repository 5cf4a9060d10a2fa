"""Out of the program: clipboard, copies, files, crash reports."""
