"""The builtins of restricted code, with the guards that its rewritten statements call."""

import builtins
from typing import Any

from RestrictedPython.Guards import guarded_iter_unpack_sequence, guarded_unpack_sequence

from picloud.sandbox_pool import guards
from picloud.sandbox_pool.language import BUILTINS, EXCEPTIONS


def handler_builtins() -> dict[str, Any]:
    """A new dict. `print` and `__import__` belong to an event and are put in by the worker."""
    plain = {name: getattr(builtins, name) for name in (*BUILTINS, *EXCEPTIONS)}
    return plain | {
        "True": True,
        "False": False,
        "None": None,
        "Ellipsis": Ellipsis,
        "NotImplemented": NotImplemented,
        "__build_class__": __build_class__,
        "__metaclass__": guards.HandlerClass,
        "getattr": guards.guarded_getattr,
        "hasattr": guards.guarded_hasattr,
        "setattr": guards.guarded_setattr,
        "delattr": guards.guarded_delattr,
        "type": guards.guarded_type,
        "format": format,
        "_getattr_": guards.guarded_getattr,
        "_name_": guards.name_of,
        "_getitem_": guards.guarded_getitem,
        "_getiter_": guards.guarded_iter,
        "_write_": guards.guarded_write,
        "_apply_": guards.apply,
        "_super_": guards.super_attribute,
        "_inplacevar_": guards.inplace_variable,
        "_inplace_item_": guards.inplace_item,
        "_inplace_attribute_": guards.inplace_attribute,
        "_unpack_sequence_": guarded_unpack_sequence,
        "_iter_unpack_sequence_": guarded_iter_unpack_sequence,
    }
