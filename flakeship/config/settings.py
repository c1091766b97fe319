"""The settings of a stack, read once from its configuration and checked before anything happens."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from flakeship.config.errors import NAMESPACE, names, problem
from flakeship.config.gate import Gate
from flakeship.config.server import TARGET, OptionsT, Server, present, refuse_duplicates
from flakeship.config.target import DEFAULT, TargetSchema
from flakeship.config.text import hidden_line, nix_store, reference, stack_name, structured
from flakeship.model.authorized_key import Fingerprint
from flakeship.model.checks import Check
from flakeship.model.errors import SettingError, SettingsError, shown
from flakeship.model.fields import Model, NoWord, Text, Whole, Word, wrong
from flakeship.model.flake import FlakeReference, is_file

MOST_SERVERS = 100  # of a stack
MOST_PROBLEMS = 50  # that one error has: of a list of anything each element is one


class TargetOptions(Model):
    """The keys of a stack that one target alone has: `flakeship:<target>`."""

    @property
    def further_checks(self) -> Mapping[str, Sequence[Check]]:
        """Checks beside those of servers, by the key below the target's block."""
        return {}

    def check(self, servers: Sequence[Server[Any]]) -> None:
        """Refuse servers that contradict each other on this target. Raises SettingError."""


def _flag(value: object) -> object:
    """True or false; Pulumi hands a setting of its own over as text."""
    flags = {"true": True, "false": False}
    return flags.get(value.lower(), value) if isinstance(value, str) else value


TargetT = TypeVar("TargetT", bound=TargetOptions)


class Settings(Model, Generic[TargetT, OptionsT]):
    """One stack: the keys `flakeship:<key>`. `options` are those of its target."""

    renamed: ClassVar[Mapping[str, str]] = {
        "keep": "retainReleases",
        "rollbackWindow": "standbyReleases",
    }

    flake: Annotated[Text, AfterValidator(reference)] = ""
    """The flake: a directory, maybe with a query (`./servers`, `./?dir=servers`,
    `./servers?submodules=1`), or any flake reference. It has an attribute
    `flakeship.<host>.<variant>`. Not used with `promoteFrom`."""
    promote_from: Annotated[Text, AfterValidator(stack_name)] = ""
    """The stack whose verified release this one takes, instead of building one: `dev`, or in full
    `organization/project/dev`."""
    gate: Annotated[Gate, BeforeValidator(present)] = Field(default=None, validate_default=True)
    """The rules that a release must meet before it is taken from `promoteFrom`."""
    host: Word
    """The NixOS configuration in the flake."""
    variant: NoWord = ""
    """The image format of the host; empty: the target's own."""
    target: Text = DEFAULT
    """Where images and servers live."""
    servers: Annotated[list[Server[OptionsT]], Field(max_length=MOST_SERVERS)]
    """The servers. Empty: the stack publishes images alone, where its target supports that."""
    retain_releases: Annotated[int, Field(ge=1, le=100), Whole] = 3
    """How many verified releases stay in the ledger with their images, the running one included."""
    standby_releases: Annotated[int, Field(ge=0, le=20), Whole] = 1
    """How many older releases stay running besides the newest, where the target supports that;
    less than `retainReleases`."""
    release: Text = ""
    """A release of the ledger to roll back to, by name. The flake is not evaluated then."""
    image_store: Annotated[Text, AfterValidator(nix_store)] = ""
    """A Nix store that keeps the image of each verified release, `s3://bucket?region=…`,
    `ssh-ng://host`, `https://…` or `file:///path`: a run that has to upload or boot one whose files
    are not on its workstation fetches them from there."""
    authorized_keys: list[Annotated[str, AfterValidator(hidden_line)]] = []
    """The public keys that go into the image, or files of them. Empty: the key of this directory,
    `.state/id_ed25519.pub`."""
    replace_keys: list[Fingerprint] = []
    """The fingerprints of all keys in use, to replace every one of them at once, which locks their
    owners out. Otherwise a new release must have at least one key of what runs."""
    allow_import_from_derivation: Annotated[bool, BeforeValidator(_flag)] = False
    """Whether evaluating the flake, and so a preview, may build (import from derivation)."""
    identity: Text = ""
    """The private key file that the checks log in with. Needed with `authorizedKeys` unless
    ssh-agent holds the key."""
    boot_timeout: Annotated[
        int, Field(gt=0, le=3600, json_schema_extra={"unit": "seconds"}), Whole
    ] = 300
    """The time until a server answers SSH and its system has started."""
    protect: Annotated[bool, BeforeValidator(_flag)] = False
    """Whether Pulumi refuses to delete what is stable in the stack: its addresses, its data disks,
    and the images of the running releases."""
    options: Annotated[TargetT, BeforeValidator(present)] = Field(
        default=None, alias=TARGET, validate_default=True
    )

    @property
    def instances(self) -> list[Server[OptionsT]]:
        """Every single server."""
        return [instance for server in self.servers for instance in server.instances]

    @property
    def hosts(self) -> list[str]:
        """The NixOS configurations that the stack's servers run, the stack's own first."""
        used = [server.host or self.host for server in self.servers] or [self.host]
        return list(dict.fromkeys(used))

    @model_validator(mode="after")
    def consistent(self) -> Settings[TargetT, OptionsT]:
        """No two servers share a name or a port of the workstation, and named files are there."""
        if len(self.instances) > MOST_SERVERS:
            most = f"must be at most {MOST_SERVERS} servers, and these are {len(self.instances)}"
            raise wrong(most, at="servers")
        refuse_duplicates("the name", [server.name for server in self.instances], "servers")
        refuse_duplicates(
            "the host port",
            [p.host_port for s in self.instances for p in s.ports if p.host_port is not None],
            "servers",
        )
        if self.identity and not is_file(self.identity):
            raise wrong("there is no such file", at="identity", remedy="name a private key file")
        if not self.promote_from:
            self._check_flake()
        return self

    def _check_flake(self) -> None:
        if self.gate != Gate():
            what = "is for releases of another stack, and this one builds its own"
            raise wrong(what, at="gate", remedy="name that stack in promoteFrom")
        if not self.flake:
            raise wrong("is missing", at="flake", remedy="name a flake, or a stack in promoteFrom")
        flake = FlakeReference.parse(self.flake)
        if flake.is_directory:
            raise wrong("is a directory", at="flake", remedy=f"write ./{shown(self.flake)}")
        if flake.folder is not None and not is_file(str(flake.folder), "flake.nix"):
            folder = flake.folder if flake.folder.is_absolute() else f"./{flake.folder}"
            what = f"there is no flake.nix in {shown(str(folder))}"
            raise wrong(what, at="flake", remedy="name its directory")


AnySettings = Settings[Any, Any]


def read(
    config: Mapping[str, str],
    find: Callable[[str], TargetSchema],
    targets: list[str],
    secret: Callable[[str], bool] = lambda _: False,
) -> tuple[AnySettings, TargetSchema]:
    """Settings from a stack's whole configuration, as Pulumi hands it over: text by full key.

    `secret` tells which keys are encrypted, `find` gives the schema of one of the `targets`. Raises
    SettingError for one thing that is wrong, and SettingsError for several.
    """
    given: dict[str, Any] = {}
    for key, text in config.items():
        if key.startswith(NAMESPACE):
            if secret(key):
                raise SettingError(
                    "must not be a secret: settings are stored unencrypted in the stack's state",
                    code="setting-secret",
                    key=key,
                    remedy="set it without --secret, and let the server fetch its own secrets",
                )
            given[key.removeprefix(NAMESPACE)] = structured(key, text)
    schema = find(str(given.get("target", DEFAULT)))
    return validated(given, schema, targets), schema


def validated(given: dict[str, Any], schema: TargetSchema, targets: list[str]) -> AnySettings:
    """Settings from plain values. Raises SettingError or SettingsError."""

    def with_block(keys: dict[str, Any], where: str = "") -> dict[str, Any]:
        own = {}
        for key, value in keys.items():
            if key == TARGET:
                raise SettingError(
                    "there is no such key",
                    code="setting-unknown",
                    key=f"{NAMESPACE}{where}{key}",
                    remedy=f"write {schema.name}",
                )
            if key not in targets or key == schema.name:
                own[TARGET if key == schema.name else key] = value
            elif value != {}:  # Pulumi.yaml gives every stack the empty blocks of all targets
                raise SettingError(
                    f"is a block of the target {key}, and this stack's is {schema.name}",
                    code="setting-other-target",
                    key=f"{NAMESPACE}{where}{key}",
                    remedy=f"remove it, or set flakeship:target to {key}",
                )
        return own

    model = Settings[schema.settings, schema.server]  # type: ignore[name-defined]
    stack = with_block(given)
    if isinstance(stack.get("servers"), list):
        stack["servers"] = [
            with_block(each, f"servers[{number}].") if isinstance(each, dict) else each
            for number, each in enumerate(stack["servers"])
        ]
    try:
        found: AnySettings = model.model_validate(stack, by_name=False)
    except ValidationError as error:
        found_wrong = error.errors(include_url=False)[:MOST_PROBLEMS]
        problems = [problem(each, model, schema, stack) for each in found_wrong]
    else:
        found.options.check(found.servers)
        problems = list(_unsupported(found, schema))
    if problems:
        raise problems[0] if len(problems) == 1 else SettingsError(problems)
    return found


def _unsupported(settings: AnySettings, schema: TargetSchema) -> Iterator[SettingError]:
    can, name = schema.features, schema.name
    known = {"servers": [vars(server) for server in settings.servers]}

    def refuse(key: str, what: str, remedy: str = "remove it") -> SettingError:
        code = "setting-unsupported"
        error = SettingError(what, code=code, key=NAMESPACE + key, remedy=remedy)
        where = [int(part) if part.isdigit() else part for part in re.findall(r"\w+", key)]
        error.of = names(known, where)
        return error

    checks: dict[str, Sequence[Check]] = {}
    for number, server in enumerate(settings.servers):
        where = f"servers[{number}]"
        checks[f"{where}.checks"] = server.checks
        if server.data_disks and not can.data_disks:
            yield refuse(f"{where}.dataDisks", f"the target {name} has no data disks")
        for index, port in enumerate(server.ports):
            key = f"{where}.ports[{index}]"
            if port.allow_from and not can.sources:
                what = f"the target {name} cannot restrict a port to networks"
                yield refuse(f"{key}.allowFrom", what)
            if port.host_port and not can.host_ports:
                what = f"the target {name} has all ports at the server's address"
                yield refuse(f"{key}.hostPort", what, "remove it")
    checks |= {f"{name}.{key}": found for key, found in settings.options.further_checks.items()}
    for key, found in checks.items():
        if taken := sorted({check.name for check in found} & schema.checks):
            yield refuse(key, f"{', '.join(taken)} is the name of a built-in check", "rename it")
    if not settings.servers and not can.no_servers:
        yield refuse("servers", f"the target {name} needs at least one server", "add one")
    standby = settings.standby_releases
    if can.standby and standby >= settings.retain_releases:
        more = f"retainReleases must be at least {standby + 1}"
        what = f"{standby} older releases stay running, so {more}"
        yield refuse("standbyReleases", what, "raise retainReleases, or lower it")
    # Pulumi.yaml gives every stack its defaults, so the default cannot be told from a setting
    if not can.standby and standby != 1:
        yield refuse("standbyReleases", f"the target {name} keeps no older machine running")
