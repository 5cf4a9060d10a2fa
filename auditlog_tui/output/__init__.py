"""Output other than the screen: the clipboard, copied texts, small files and crash reports."""
