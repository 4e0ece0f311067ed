"""Whose study is this: the rules that decide, who asks them, and what people decide themselves."""
