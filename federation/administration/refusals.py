"""What deeds refuse: told in ``errors``; these names go once nobody imports them."""

from federation.errors import ChangeConflicts as ChangedMeanwhile
from federation.errors import FieldsRefused as BodyRefused

__all__ = ["BodyRefused", "ChangedMeanwhile"]
