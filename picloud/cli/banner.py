"""What `picloud serve` prints when it serves."""

import shlex

from picloud.services.sample import SampleMail


def serving(address: str) -> str:
    return f"\nPiCloud serves {address}   (Ctrl-C ends it)\n"


def setup_link(address: str, token: str) -> str:
    """The link's token is in its fragment, which no browser sends and no proxy logs."""
    return f"Nobody owns this PiCloud yet. Within 30 minutes, once, this makes its owner:\n{address}/setup#{token}\n"


def next_steps(address: str, program: str, data_dir: str) -> str:
    """How to become an administrator and see what ran."""
    return NEXT_STEPS.format(address=address, program=program, options=f" --data-dir {shlex.quote(data_dir)}")


def sample_lines(address: str, mail: SampleMail | None, options: tuple[str, ...] = ()) -> str:
    """The lines that a newcomer pastes. `options` of curl."""
    curl = shlex.join(["curl", *options])
    lines = ["Call the sample's route:", f"  {curl} '{address}/run/hello/hello?name=Ada'"]
    if mail is not None:
        headers = {"Content-Type": "application/json"} | mail.headers
        given = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
        command = ["curl", *options, *given, "-d", mail.body]
        lines += ["", "Send the sample a signed email:", "  " + shlex.join([*command, address + mail.path])]
    return "\n".join(lines)


NEXT_STEPS = """
Look at what ran, in a second terminal:
  {program} admin create you@example.com{options}
  KEY=$({program} keys create --user you@example.com{options})
  curl -H "Authorization: Bearer $KEY" '{address}/api/v1/admin/apps/hello/executions'
"""
