"""The settings of an edge whose dongle, server and files are on this machine."""

from pathlib import Path

TOKEN = "s3cr3t"


def edge_env(
    folder: Path,
    ca_file: Path,
    *,
    dongle_port: int = 1,
    url: str = "https://localhost:1",
    device_id: str = "house",
    token: str = TOKEN,
    **more: str,
) -> dict[str, str]:
    """Return them; where no port and no URL is named, nobody listens."""
    return {
        "SUNGROW_HOST": "127.0.0.1",
        "SUNGROW_PORT": str(dongle_port),
        "DEVICE_ID": device_id,
        "VPS_INGEST_URL": url,
        "VPS_TOKEN": token,
        "VPS_CA_FILE": str(ca_file),
        "SPOOL_PATH": str(folder / "spool.db"),
        "HEALTH_PATH": str(folder / "health.json"),
        **more,
    }
