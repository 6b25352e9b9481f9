"""What the battery can still hold, and what it is worth: an estimator that is pure functions.

``rows`` says what goes in, ``result`` what comes out. ``digest`` makes one local day of five-minute
rows small (its anchors, turning points, jumps and sums); ``measure`` finds efficiency, standby and
capacity by all those days; ``year`` goes through the last 365 days once, for insights and for
"which capacity would have saved what"; ``analyse`` puts the result together. No database here.
"""
