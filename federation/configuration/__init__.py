"""What the settings file is made of; ``settings`` puts it together.

How single values are written (``scalars``, ``suffixes``), the parts that belong to no connection, where it is
all written (``sources``), and how faults are told (``faults``).
"""
