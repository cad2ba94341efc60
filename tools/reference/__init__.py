"""The reference pages, written from what the packages really hold."""
