"""The command that puts a model behind HTTP: serve."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from hearsight.cli.application import WORK, Amount, AsJson, Count, Parameter, Port, app
from hearsight.cli.infer import Trained

TOKEN_VARIABLE = "HEARSIGHT_TOKEN"


@app.command(group=WORK)
def serve(
    *,
    model: Trained,
    folder: Annotated[Path | None, Parameter(help="folder of recordings that the page offers")] = None,
    index: Annotated[Path | None, Parameter(help="index of recordings that can be searched")] = None,
    review: Annotated[
        Path | None, Parameter(help="CSV table that judgements are written into, for hearsight review; may be new")
    ] = None,
    teach_out: Annotated[Path | None, Parameter(help="folder that models taught on the page are written into")] = None,
    host: Annotated[
        str, Parameter(help="address to listen on; other machines are served only with --token")
    ] = "127.0.0.1",
    port: Annotated[Port, Parameter(help="port to listen on; 0 for any that is free")] = 8000,
    token: Annotated[
        str,
        Parameter(help=f"secret that clients send; better set as {TOKEN_VARIABLE}, which no list of processes shows"),
    ] = "",
    workers: Annotated[Count, Parameter(help="requests that are answered at a time")] = 1,
    queue: Annotated[Count, Parameter(help="requests that wait; further ones are refused with status 429")] = 16,
    largest: Annotated[Amount, Parameter(help="largest upload, in MB")] = 1000.0,
    longest: Annotated[Amount, Parameter(help="longest sound, in hours")] = 12.0,
    as_json: AsJson = False,
) -> None:
    """Serve a model over HTTP: a page to look at recordings, and the same answers for programs.

    Prints the address, with `--json` as one line of JSON on stdout, and works until it is interrupted. `POST /tag` and
    `POST /embed` take a file; `GET /openapi.json` describes them. Uploads lie in a private temporary folder only while they are
    needed. `GET /search` and `POST /search` find similar sounds in the index of `--index`,
    `GET /review` and `POST /review` read and save judgements, and `POST /teach` teaches classes.

    ```
    hearsight serve --model run
    hearsight serve --model run --folder recordings/ --index index --review judge.csv --teach-out taught
    curl -F file=@recording.wav http://127.0.0.1:8000/tag
    ```
    """
    from hearsight.console import flush_data, print_json, print_message
    from hearsight.serve.limits import ServeLimits
    from hearsight.serve.server import ArchivePlaces
    from hearsight.serve.server import serve as serve_model

    def announce(address: str, listener: Any) -> None:
        if as_json:
            print_json({"address": address, "model": listener.name, "classes": len(listener.vocabulary)})
            flush_data()
        else:
            print_message(f"serving {listener.name} at {address} (Ctrl-C ends it)")

    limits = ServeLimits(
        upload_bytes=int(largest * 1e6), sound_seconds=longest * 3600.0, queue_length=queue, workers=workers
    )
    token = token or os.environ.get(TOKEN_VARIABLE, "")
    serve_model(
        model,
        archive=ArchivePlaces(folder, index, review, teach_out),
        host=host,
        port=port,
        token=token,
        limits=limits,
        ready=announce,
    )
