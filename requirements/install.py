"""Make a virtual environment and install what a lock pins.

    python3 requirements/install.py VENV LOCK [--project] [--torch-index URL]

uv does the installing, for it is ten times faster than pip. It does not read pip's settings; a machine
on which pip is configured (a mirror, local wheels, a certificate) expects them to hold, so they are
passed on. What the user set for uv itself (``UV_...``) wins.
"""

import argparse
import ast
import os
import ssl
import subprocess
import sys
from pathlib import Path

UV = "uv==0.13.8"
OLDEST, NEWEST = (3, 11), (3, 13)


def main() -> None:
    arguments = parse_arguments()
    check_python()
    binaries = make_environment(arguments.venv)
    pip = pip_settings(binaries)
    environment = {**uv_settings(pip), **os.environ}
    install = [str(binaries / "uv"), "pip", "install", "--python", str(binaries / "python")]
    if os.environ.get("PYTHONDONTWRITEBYTECODE"):  # else each start compiles all it imports
        install.append("--compile-bytecode")
    if pip.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        install.append("--no-index")
    if arguments.torch_index:
        torch = next(line for line in arguments.lock.read_text().splitlines() if line.startswith("torch=="))
        say(f"{torch} from {arguments.torch_index}")
        from_index = ["--no-deps", "--reinstall-package", "torch", "--default-index", arguments.torch_index]
        run([*install, *from_index, torch], environment)
    say(f"{count(arguments.lock)} packages into {arguments.venv}; the first time this takes some minutes")
    everything = [*install, "-r", str(arguments.lock), *(["-e", "."] if arguments.project else [])]
    if not (arguments.torch_index or "UV_FIND_LINKS" in environment or "UV_TORCH_BACKEND" in environment):
        if (
            subprocess.call(
                everything, env={**environment, "UV_TORCH_BACKEND": "cpu"}, stdin=subprocess.DEVNULL
            )
            == 0
        ):
            return
        say("PyTorch's CPU builds are out of reach: taking the platform's default")
    run(everything, environment)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("venv", type=Path)
    parser.add_argument("lock", type=Path)
    parser.add_argument("--project", action="store_true", help="install this project too, editable")
    parser.add_argument("--torch-index", default="", help="a package index to take torch from")
    return parser.parse_args()


def check_python() -> None:
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        sys.exit(
            "Python 3.11, 3.12 or 3.13 is needed; {} is {}.{}.\n"
            "Install one, or name it: make PYTHON=/path/to/python3.11 install".format(
                sys.executable, *sys.version_info[:2]
            )
        )


def make_environment(venv: Path) -> Path:
    """The folder of the environment's programs, with pip and uv in it."""
    binaries = venv / "bin"
    version = f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    works = (binaries / "python").exists() and not subprocess.call([binaries / "python", "-c", version])
    if not works:
        say(f"virtual environment {venv}, {sys.executable} (Python {sys.version.split()[0]})")
        run([sys.executable, "-m", "venv", "--clear", str(venv)], os.environ)
    if not (binaries / "uv").exists():
        run(
            [str(binaries / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", UV],
            os.environ,
        )
    return binaries


def pip_settings(binaries: Path) -> dict:
    """Pip's settings for ``pip install`` from its files and its environment variables."""
    listing = subprocess.check_output(
        [binaries / "python", "-m", "pip", "config", "list"], universal_newlines=True
    )
    lines = dict(line.split("=", 1) for line in listing.splitlines() if "=" in line)
    found = {}
    for section in ("global.", "install.", ":env:."):  # the later one wins, as in pip
        for name, value in lines.items():
            if name.startswith(section):
                found[name[len(section) :]] = " ".join(ast.literal_eval(value).split())
    return found


def uv_settings(pip: dict) -> dict:
    """The same for uv, as environment variables."""
    settings = {
        "UV_DEFAULT_INDEX": pip.get("index-url"),
        "UV_INDEX": pip.get("extra-index-url"),
        "UV_FIND_LINKS": pip.get("find-links", "").replace(" ", ","),
        "UV_INSECURE_HOST": pip.get("trusted-host"),
        "UV_HTTP_TIMEOUT": pip.get("default-timeout") or pip.get("timeout"),
        "SSL_CERT_FILE": pip.get("cert"),
        "ALL_PROXY": pip.get("proxy"),
        # pip takes the best version of all indexes; uv by default looks at the first that has the name.
        "UV_INDEX_STRATEGY": "unsafe-best-match" if "extra-index-url" in pip else None,
        # Companies put their certificates into the system's store; a bare machine may have none.
        "UV_SYSTEM_CERTS": "true" if has_system_certificates() else None,
    }
    return {name: value for name, value in settings.items() if value}


def has_system_certificates() -> bool:
    paths = ssl.get_default_verify_paths()
    return bool(paths.cafile) or bool(paths.capath and any(Path(paths.capath).iterdir()))


def count(lock: Path) -> int:
    return sum("==" in line for line in lock.read_text().splitlines() if not line.startswith("#"))


def say(what: str) -> None:
    print(f"[install] {what}", flush=True)


def run(command: list, environment: dict) -> None:
    code = subprocess.call(command, env=environment, stdin=subprocess.DEVNULL)
    if code != 0:
        sys.exit(f"[install] failed: {' '.join(command)}")


if __name__ == "__main__":
    main()
