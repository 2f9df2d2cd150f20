"""The handler language as tables: modules, methods, hints. Code and reference page are both made from these."""

from picloud.sandbox_pool.words import words

MODULES: dict[str, str] = {
    "json": "dumps loads JSONDecodeError",
    "re": "compile match search fullmatch findall finditer split sub subn escape error Pattern Match "
    "A ASCII I IGNORECASE M MULTILINE S DOTALL X VERBOSE U UNICODE",
    "math": "*",
    "datetime": "date datetime time timedelta timezone tzinfo UTC MINYEAR MAXYEAR",
    "hashlib": "md5 sha1 sha224 sha256 sha384 sha512 sha3_224 sha3_256 sha3_384 sha3_512 blake2b blake2s "
    "shake_128 shake_256 new pbkdf2_hmac scrypt",
    "hmac": "new digest compare_digest",
    "base64": "b64encode b64decode urlsafe_b64encode urlsafe_b64decode standard_b64encode standard_b64decode "
    "b32encode b32decode b32hexencode b32hexdecode b16encode b16decode a85encode a85decode b85encode b85decode",
    "urllib.parse": "quote quote_plus quote_from_bytes unquote unquote_plus unquote_to_bytes urlencode urldefrag "
    "urljoin urlparse urlsplit urlunparse urlunsplit parse_qs parse_qsl",
    "statistics": "mean fmean geometric_mean harmonic_mean median median_low median_high median_grouped mode "
    "multimode quantiles pstdev pvariance stdev variance covariance correlation linear_regression NormalDist "
    "StatisticsError",
    "random": "random uniform triangular randint randrange choice choices sample shuffle getrandbits randbytes "
    "betavariate expovariate gammavariate gauss lognormvariate normalvariate vonmisesvariate paretovariate "
    "weibullvariate seed Random",
    "time": "time time_ns monotonic monotonic_ns perf_counter perf_counter_ns process_time process_time_ns sleep "
    "strftime strptime gmtime localtime mktime asctime ctime struct_time",
    "string": "ascii_letters ascii_lowercase ascii_uppercase digits hexdigits octdigits punctuation printable "
    "whitespace capwords Template",
    "dataclasses": "FrozenInstanceError asdict astuple dataclass field fields is_dataclass replace",
    "enum": "Enum IntEnum StrEnum auto unique",
    "typing": "Annotated Any AnyStr Callable ClassVar Collection Container Dict Final FrozenSet Generator Generic "
    "Hashable Iterable Iterator List Literal LiteralString Mapping MutableMapping MutableSequence MutableSet Never "
    "NewType NoReturn NotRequired Optional Protocol Required Reversible Self Sequence Set Sized TYPE_CHECKING Text Tuple "
    "Type TypeAlias TypeVar TypedDict Union cast",
    "collections": "Counter OrderedDict defaultdict deque namedtuple ChainMap",
    "collections.abc": "Callable Collection Container Generator Hashable Iterable Iterator Mapping MutableMapping "
    "MutableSequence MutableSet Reversible Sequence Set Sized",
    "operator": "itemgetter add sub mul truediv floordiv mod neg pow eq ne lt le gt ge not_ and_ or_ xor contains",
    "itertools": "*",
    "functools": "reduce partial cmp_to_key lru_cache cache wraps total_ordering",
    "decimal": "Decimal Context getcontext setcontext localcontext ROUND_CEILING ROUND_DOWN ROUND_FLOOR "
    "ROUND_HALF_DOWN ROUND_HALF_EVEN ROUND_HALF_UP ROUND_UP ROUND_05UP DecimalException InvalidOperation "
    "DivisionByZero Overflow Underflow Inexact Rounded Subnormal Clamped",
    "uuid": "UUID uuid3 uuid4 uuid5 NAMESPACE_DNS NAMESPACE_URL NAMESPACE_OID NAMESPACE_X500",
    "textwrap": "dedent indent fill wrap shorten",
    "html": "escape unescape",
    "secrets": "token_bytes token_hex token_urlsafe choice randbelow randbits compare_digest",
    "zlib": "compress decompress compressobj decompressobj crc32 adler32 error",
    "zoneinfo": "ZoneInfo ZoneInfoNotFoundError available_timezones",
}
"""Module -> its public names that a handler may use ("*": every public name)."""

METHODS: frozenset[str] = frozenset(
    words(
        "__init__ __post_init__ __str__ __repr__ __len__ __iter__ __next__ __contains__ __getitem__ __setitem__ "
        "__delitem__ __call__ __enter__ __exit__ __bool__ __hash__ __eq__ __ne__ __lt__ __le__ __gt__ "
        "__ge__ __add__ __radd__ __sub__ __rsub__ __mul__ __rmul__ __truediv__ __floordiv__ __mod__ "
        "__neg__ __pos__ __abs__ __int__ __float__"
    )
)
"""Special methods that a class may define, and call on `super()`."""

BUILTINS = words(
    "abs all any ascii bin bool bytearray bytes callable chr classmethod complex dict divmod enumerate "
    "filter float frozenset hash hex id int isinstance issubclass iter len list map max min next object "
    "oct ord pow property range repr reversed round set slice sorted staticmethod str sum tuple zip"
)
"""Builtins that are the interpreter's own. (`getattr`, `hasattr`, `setattr`, `delattr`, `type`, `print` are guarded.)"""

EXCEPTIONS = words(
    "ArithmeticError AssertionError AttributeError EOFError Exception FloatingPointError IndexError "
    "KeyError LookupError ImportError MemoryError NameError NotImplementedError OSError OverflowError "
    "PermissionError RecursionError RuntimeError StopIteration SyntaxError TimeoutError TypeError "
    "UnboundLocalError UnicodeDecodeError UnicodeEncodeError UnicodeError ValueError Warning UserWarning "
    "DeprecationWarning RuntimeWarning ZeroDivisionError"
)

ABSENT: dict[str, str] = {
    "open": "there are no files here: keep data with ctx.kv(collection).set(key, value)",
    "input": "there is nobody to ask: read what came with ctx.event",
    "eval": "text can't be run as code: json.loads() reads data",
    "exec": "text can't be run as code: put it into a module script and import it",
    "compile": "text can't be run as code: put it into a module script and import it",
    "globals": "use a dict of your own",
    "locals": "use a dict of your own",
    "vars": "name the attributes that you want, or use getattr(obj, name)",
    "dir": "name the attributes that you want, or use hasattr(obj, name)",
    "breakpoint": "use print() or ctx.log: both are shown with the execution",
    "exit": "return from the handler, or raise an exception to fail",
    "quit": "return from the handler, or raise an exception to fail",
    "help": "see the handler language page of the documentation",
    "super": "write super().name(...) in a method",
    "memoryview": "use bytes or bytearray",
    "BaseException": "catch Exception",
    "SystemExit": "return from the handler, or raise an exception to fail",
    "KeyboardInterrupt": "catch Exception",
}
"""Builtins of Python that don't exist here -> what to do instead."""

MODULE_HINTS: dict[str, str] = {
    "os": "a handler can't see the machine; settings and passwords: ctx.secrets[NAME]",
    "sys": "a handler can't see the interpreter",
    "requests": "use ctx.http.get(url)",
    "httpx": "use ctx.http.get(url)",
    "aiohttp": "use ctx.http.get(url)",
    "urllib": "import urllib.parse for addresses; call out with ctx.http.get(url)",
    "urllib.request": "use ctx.http.get(url)",
    "http": "use ctx.http.get(url)",
    "socket": "use ctx.http.get(url)",
    "logging": "use ctx.log.info(message) or print()",
    "sqlite3": "use ctx.kv(collection)",
    "pickle": "use json",
    "asyncio": "write plain functions: each event has a process of its own",
    "threading": "write plain functions: each event has a process of its own",
    "subprocess": "a handler can't start programs",
    "pathlib": "there are no files here: use ctx.kv(collection)",
    "tempfile": "there are no files here: use ctx.kv(collection)",
    "shutil": "there are no files here: use ctx.kv(collection)",
    "io": "use text, bytes or bytearray",
    "csv": "split the lines: [line.split(',') for line in text.splitlines()]",
    "copy": "use dict(value) or list(value), or json.loads(json.dumps(value)) for a deep one",
    "calendar": "use datetime",
    "contextlib": "write a class with __enter__ and __exit__, or try and except",
    "abc": "leave it out, and raise NotImplementedError in the methods to be overridden",
    "traceback": "leave it out: an exception that isn't caught is shown with its traceback",
    "smtplib": "a handler can't send mail itself: call a mail service with ctx.http",
    "redis": "use ctx.kv(collection)",
    "psycopg2": "use ctx.kv(collection)",
    "queue": "use ctx.queue(name).send(value)",
    "multiprocessing": "a handler can't start programs",
    "concurrent": "write plain functions: each event has a process of its own",
    "flask": "write def handler(ctx): the request is ctx.event.http, the answer what you return",
    "fastapi": "write def handler(ctx): the request is ctx.event.http, the answer what you return",
    "dotenv": "settings and passwords: ctx.secrets[NAME]",
}

RESERVED: dict[str, str] = {
    "__name__": "leave the test out: handler(ctx) is called for every event",
    "__class__": "write type(value)",
    "__dict__": "name the attributes that you want, or make it a dataclass and use asdict(value)",
    "__slots__": "leave it out",
    "__all__": "leave it out",
    "__cause__": "use the exception where you catch it",
    "__getattr__": "write a method, or __getitem__",
    "__iadd__": "write __add__",
    "__format__": "write __str__",
    "__del__": "write __enter__ and __exit__",
    "_asdict": "make it a @dataclass and use asdict(value)",
    "_replace": "make it a @dataclass and use replace(value, name=new)",
    "_fields": "make it a @dataclass and use fields(value)",
}
"""Name with a leading underscore that people use -> what to do instead."""

STATEMENTS: dict[str, tuple[str, str]] = {
    "AsyncFunctionDef": (
        "async functions don't exist here",
        "write `def`: each event has a process of its own",
    ),
    "AsyncFor": ("async loops don't exist here", "write `for`"),
    "AsyncWith": ("async blocks don't exist here", "write `with`"),
    "Await": ("`await` doesn't exist here", "call the function"),
    "TryStar": ("`except*` is not available", "write `except`"),
    "TypeAlias": ("`type` statements are not available", "leave it out: annotations are ignored"),
    "TypeVar": ("type parameters are not available", "leave them out: annotations are ignored"),
    "ParamSpec": ("type parameters are not available", "leave them out: annotations are ignored"),
    "TypeVarTuple": ("type parameters are not available", "leave them out: annotations are ignored"),
    "TemplateStr": ("t-strings are not available", "use an f-string"),
    "Interpolation": ("t-strings are not available", "use an f-string"),
}
"""Node of Python's grammar -> (what is refused, what to write instead)."""


def module_hint(name: str, own: frozenset[str]) -> str:
    """What to do instead of importing `name`; `own` are the app's own modules."""
    hint = MODULE_HINTS.get(name) or MODULE_HINTS.get(name.partition(".")[0], "")
    listing = "available: " + ", ".join(MODULES)
    if own:
        listing += "; this app's modules: " + ", ".join(sorted(own))
    return f"{hint}; {listing}" if hint else listing
