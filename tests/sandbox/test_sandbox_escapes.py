"""Published ways out of RestrictedPython, and the mistakes of platforms built on it: none leads anywhere here.

The language is the inner fence only; `tests/sandbox` shows that the box holds without it.
"""

import json

import pytest

from picloud.sandbox_pool.compile import Refused
from picloud.sandbox_pool.words import words
from tests.sandbox.restricted import run


def body(lines: str) -> str:
    return "def handler(ctx):\n" + "\n".join(f"    {line}" for line in lines.strip().splitlines())


REFUSED = (Refused, AttributeError, TypeError, ImportError, NameError, KeyError, ValueError)

STR_SUBCLASS = """
class Name(str):
    def __eq__(self, other):
        return False
    def __hash__(self):
        return 0
    def __contains__(self, other):
        return False
"""

SUPER_FORMAT = """
class S(str):
    def format_it(self, value):
        return super().format(value)
    def map_it(self, value):
        return super().format_map(value)
"""

CATCH = "try:\n    [].nothing\nexcept AttributeError as error:\n    return "

ESCAPES = {
    # CVE-2012-5487, CVE-2012-5493: names that an allowed module or helper leads to
    "a module of a module": body("import json\nreturn json.codecs"),
    "a module of a module, imported": "from json import codecs\ndef handler(ctx):\n    return codecs",
    "a loaded submodule": "from json import decoder\ndef handler(ctx):\n    return decoder",
    "a loaded sibling": "from urllib import request\ndef handler(ctx):\n    return request",
    "json.codecs.sys.modules": body("import json\nreturn json.codecs.sys.modules"),
    "re.enum.sys": body("import re\nreturn re.enum.sys"),
    "statistics.sys": body("import statistics\nreturn statistics.sys"),
    "a name by a helper": body("return getattr(getattr, '__globals__')"),
    "a module, by hasattr": body("import json\nif not hasattr(json, 'codecs'):\n    raise KeyError\nreturn json"),
    # CVE-2021-32807, CVE-2021-32811, CVE-2026-76825: string.Formatter
    "Formatter": "from string import Formatter\ndef handler(ctx):\n    return Formatter",
    "Formatter by attribute": body("import string\nreturn string.Formatter"),
    "Formatter by getattr": body("import string\nreturn getattr(string, 'Formatter')"),
    # CVE-2023-37271, and 7.3: frames by generators and their like
    "gi_frame": body("return (x for x in [1]).gi_frame"),
    "gi_frame by getattr": body("return getattr((x for x in [1]), 'gi_frame')"),
    "gi_frame by format": body("return '{0.gi_frame.f_back}'.format((x for x in [1]))"),
    "gi_code": body("return getattr((x for x in [1]), 'gi_code')"),
    "gi_yieldfrom": body("def g():\n    yield from (x for x in [1])\nreturn getattr(g(), 'gi_yieldfrom')"),
    "cr_frame": body("return getattr(1, 'cr_frame', None) or [].cr_frame"),
    "tb_frame": body(
        "class C:\n    def __enter__(self):\n        return self\n    def __exit__(self, kind, error, tb):\n"
        "        self.tb = getattr(tb, 'tb_frame')\nc = C()\nwith c:\n    1 / 0\nreturn c.tb"
    ),
    "tb_next": body(
        "class C:\n    def __enter__(self):\n        return self\n    def __exit__(self, kind, error, tb):\n"
        "        self.tb = getattr(tb, 'tb_' + 'next')\nc = C()\nwith c:\n    1 / 0\nreturn c.tb"
    ),
    "f_globals": body("return getattr(handler, 'f_globals')"),
    "co_code": body("return getattr(handler, 'co_code')"),
    # 8.5: asynchronous generators
    "async generator expression": body("return (x async for x in [1])"),
    "ag_frame": body("return getattr([], 'ag_frame')"),
    "async def": "async def handler(ctx):\n    return 1",
    # CVE-2023-41039, CVE-2023-41050, CVE-2026-77401: str.format
    "format": body("return '{0.__class__}'.format(1)"),
    "format, deeper": body("return '{0.__class__.__mro__}'.format(1)"),
    "format of a keyword": body("return '{x.__class__}'.format(x=1)"),
    "format_map": body("return '{x.__class__}'.format_map({'x': 1})"),
    "str.format": body("return str.format('{0.__class__}', 1)"),
    "str.format_map": body("return str.format_map('{x.__class__}', {'x': 1})"),
    "str.format by getattr": body("return getattr(str, 'format')('{0.__class__}', 1)"),
    "format in a map": body("return list(map('{0.__class__}'.format, [1]))"),
    "str.format in a map": body("return list(map(str.format, ['{0.__class__}'], [1]))"),
    "format of a subclass": "class S(str):\n    pass\n" + body("return S('{0.__class__}').format(1)"),
    "format on a subclass": "class S(str):\n    pass\n" + body("return S.format('{0.__class__}', 1)"),
    "format by super": SUPER_FORMAT + body("return S('{0.__class__}').format_it(1)"),
    "format_map by super": SUPER_FORMAT + body("return S('{x.__class__}').map_it({'x': 1})"),
    "format as a class attribute": "class S(str):\n    go = str.format\n" + body("return S('{0.__class__}').go(1)"),
    "format in the format spec": body("return '{0:{1.__class__}}'.format(1, 2)"),
    "partial of format": body("import functools\nreturn functools.partial('{0.__class__}'.format)(1)"),
    # 7.2: a subclass of str as a name
    "str subclass as a name": STR_SUBCLASS + body("return getattr(1, Name('__class__'))"),
    "str subclass to hasattr": STR_SUBCLASS + body("return hasattr(1, Name('__class__'))"),
    "str subclass to setattr": STR_SUBCLASS
    + "class C:\n    pass\n"
    + body("setattr(C(), Name('__class__'), int)\nreturn 1"),
    # CVE-2024-47532: the object that an AttributeError carries
    "AttributeError.obj": body(
        "import string\ntry:\n    string.nothing\nexcept AttributeError as error:\n    return error.obj"
    ),
    "AttributeError.obj by getattr": body(CATCH + "getattr(error, 'obj')"),
    "AttributeError.obj by format": body(CATCH + "'{0.obj}'.format(error)"),
    # CVE-2025-22153: except*
    "except*": body("try:\n    pass\nexcept* ValueError:\n    pass\nreturn 1"),
    "ExceptionGroup": body("return ExceptionGroup"),
    # CVE-2026-55830: arguments that shadow the guards
    **{
        f"{name} as {where}": f"def f({arguments}):\n    return 1\n" + body("return f(1)")
        for name in ("_getattr_", "_getitem_", "_write_", "_inplacevar_", "_super_", "__metaclass__")
        for where, arguments in (
            ("a positional-only argument", f"{name}, /"),
            ("an argument", name),
            ("a keyword-only argument", f"*, {name}=1"),
            ("*args", f"*{name}"),
            ("**kwargs", f"**{name}"),
        )
    },
    "a lambda's argument": body("return (lambda _getattr_, /: 1)(1)"),
    "an import's name": "import json as _getattr_\ndef handler(ctx):\n    return 1",
    "an exception's name": body("try:\n    1 / 0\nexcept ZeroDivisionError as _getattr_:\n    return 1"),
    "a loop's name": body("for _getattr_ in [1]:\n    return 1"),
    "a walrus": body("return (_getattr_ := 1)"),
    "a global": "def handler(ctx):\n    global _getattr_\n    return 1",
    "a nonlocal": "def f():\n    x = 1\n    def g():\n        nonlocal _x\n    return g\ndef handler(ctx):\n    return 1",
    "a class name": "class _getattr_:\n    pass\ndef handler(ctx):\n    return 1",
    "a function name": "def _getattr_(a, b):\n    pass\ndef handler(ctx):\n    return 1",
    "del": "del _getattr_\ndef handler(ctx):\n    return 1",
    "a match capture": body("match 1:\n    case _getattr_:\n        return 1"),
    "a match class pattern": body("match 1:\n    case object(__class__=c):\n        return c"),
    # no-op _write_: one app changes what the next event sees
    "write to a module": body("import json\njson.dumps = None\nreturn 1"),
    "write to a module by setattr": body("import json\nsetattr(json, 'dumps', None)\nreturn 1"),
    "write to a type": body("import string\nstring.Template.delimiter = '!'\nreturn 1"),
    "write to an exception type": body("import json\njson.JSONDecodeError.x = 1\nreturn 1"),
    "write to a function": body("import json\njson.dumps.x = 1\nreturn 1"),
    "write to a builtin": body("len.x = 1\nreturn 1"),
    "add to a module": body("import json\njson.dumps += 1\nreturn 1"),
    "delete from a module": body("import json\ndel json.dumps\nreturn 1"),
    "total_ordering of a type": body("import functools, string\nreturn functools.total_ordering(string.Template)"),
    # functions that read or write attributes of any name
    "wraps with updated": body(
        "import functools, json\ndef f():\n    pass\nreturn functools.wraps(json.dumps)(f, updated=('__globals__',))"
    ),
    "wraps with assigned": body(
        "import functools, json\nclass C:\n    pass\nreturn functools.wraps(json.dumps, assigned=('__globals__',))(C())"
    ),
    "update_wrapper": body("import functools\nreturn functools.update_wrapper"),
    "attrgetter": "import operator\ndef handler(ctx):\n    return operator.attrgetter('__class__')(1)",
    "namedtuple with a crafted name": STR_SUBCLASS
    + body("import collections\nreturn collections.namedtuple('T', [Name('x=1):pass')])"),
    "__name__ of an instance": body("return (1).__name__"),
    "__name__ of a module": body("import json\nreturn json.__name__"),
    "__name__ written": "class C:\n    pass\n" + body("C.__name__ = 'x'\nreturn 1"),
    "__name__ added to": "class C:\n    pass\n" + body("C.__name__ += 'x'\nreturn 1"),
    "__name__ deleted": body("del handler.__name__\nreturn 1"),
    # classes
    "metaclass": "class C(metaclass=int):\n    pass\ndef handler(ctx):\n    return 1",
    "class keyword": "class C(x=1):\n    pass\ndef handler(ctx):\n    return 1",
    "__getattr__": "class C:\n    def __getattr__(self, name):\n        return 1\ndef handler(ctx):\n    return C().x",
    "__slots__": "class C:\n    __slots__ = ()\ndef handler(ctx):\n    return 1",
    "__init_subclass__": "class C:\n    def __init_subclass__(cls):\n        pass\ndef handler(ctx):\n    return 1",
    "__del__": "class C:\n    def __del__(self):\n        pass\ndef handler(ctx):\n    return 1",
    "type with three arguments": body("return type('C', (), {})"),
    "type of a class": body("return type(int)"),
    "type of one's own class": "class C:\n    pass\n" + body("return type(C)"),
    "type of a function": body("return type(handler)"),
    "type of a generator": body("return type(x for x in [])"),
    "mro": body("return int.mro()"),
    "mro by getattr": body("return getattr(int, 'mro')()"),
    "subclasses": body("return ().__class__.__base__.__subclasses__()"),
    "subclasses by getattr": body("return getattr(object, '__subclasses__')()"),
    "super out of a class": body("return super().x"),
    "super's underscore": "class C:\n    def f(self):\n        return super().__class__\n" + body("return C().f()"),
    "super's getattribute": "class C:\n    def f(self):\n        return super().__getattribute__('x')\n"
    + body("return C().f()"),
    # builtins that lead out
    **{
        name: body(f"return {name}")
        for name in words(
            "open eval exec compile globals locals vars dir input __import__ __builtins__ breakpoint memoryview help "
            "exit quit BaseException SystemExit __loader__ __spec__ __name__ __file__ classmethod.__func__"
        )
    },
    # arguments with names of the fence
    "a keyword with an underscore": body("import json\nreturn json.dumps(1, _x=1)"),
    "a keyword with an underscore, by **": body("import json\nreturn json.dumps(1, **{'_x': 1})"),
    "import *": "from json import *\ndef handler(ctx):\n    return 1",
    "relative import": "from . import x\ndef handler(ctx):\n    return 1",
    "a type parameter": "class C[_getattr_]:\n    pass\ndef handler(ctx):\n    return 1",
    "a type alias": "type X = int\ndef handler(ctx):\n    return 1",
}


@pytest.mark.parametrize("source", ESCAPES.values(), ids=ESCAPES.keys())
def test_refused(source: str) -> None:
    with pytest.raises(REFUSED):
        run(source)


def test_the_real_modules_are_unharmed() -> None:
    assert json.dumps([1]) == "[1]"
    assert json.dumps.__dict__ == {}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("'{} {0}'.format", None),
        ("'{0[a]} {x.real} {y!r:>5} {{}}'.format({'a': 1}, x=2, y='z')", "1 2   'z' {}"),
        ("'{a}-{b:03d}'.format_map({'a': 1, 'b': 2})", "1-002"),
        ("str.format('{:>{}}', 1, 4)", "   1"),
        ("list(map('<{}>'.format, [1, 2]))", ["<1>", "<2>"]),
    ],
)
def test_honest_formatting_works(source: str, expected: object) -> None:
    result = run(body(f"return {source}"))
    assert expected is None or result == expected
