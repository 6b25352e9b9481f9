"""Whether a request comes from the page itself: for what a browser's cookie alone must not do."""

from flask import request

from server.api.errors import Refused


def refuse_other_sites() -> None:
    """Do nothing where the page itself asks.

    Raises:
        Refused: 403 the request is of another site.
    """
    # Browsers say where a form comes from, by one header or the other, and no page can change it.
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    # Behind the proxy the scheme is not known here.
    ours = (f"https://{request.host}", f"http://{request.host}")
    if not (site == "same-origin" if site else origin in ours):
        raise Refused(403, "only the page itself may do this")
