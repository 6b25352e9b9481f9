-- Alerts: what is wrong with a house or with the server, who was told of it, and what nobody wants to hear meanwhile.
-- Written by server.alerts, whose unit runs only where somebody named a channel; elsewhere these tables stay empty.

CREATE TABLE sungrow_alerts (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id    text NOT NULL,
    rule         text NOT NULL,
    key          text NOT NULL DEFAULT '',
    severity     text NOT NULL CHECK (severity IN ('critical', 'warning', 'info')),
    state        text NOT NULL CHECK (state IN ('pending', 'open', 'clearing', 'closed')),
    since        timestamptz NOT NULL,
    opened_at    timestamptz,
    last_true_at timestamptz NOT NULL,
    closed_at    timestamptz,
    detail       jsonb NOT NULL DEFAULT '{}',
    repeats      integer NOT NULL DEFAULT 0,
    flaps        integer NOT NULL DEFAULT 0,
    CHECK ((state = 'closed') = (closed_at IS NOT NULL)),
    CHECK (opened_at IS NOT NULL OR state NOT IN ('open', 'clearing'))
);
-- One episode of a kind at a time. Also the way to what is open now, and to what was open lately.
CREATE UNIQUE INDEX sungrow_alerts_going_on ON sungrow_alerts (device_id, rule, key) WHERE closed_at IS NULL;
CREATE INDEX sungrow_alerts_closed ON sungrow_alerts (device_id, closed_at) WHERE closed_at IS NOT NULL;
COMMENT ON TABLE sungrow_alerts IS 'Episodes: a rule that was broken, from when to when.';
COMMENT ON COLUMN sungrow_alerts.id IS 'of the episode';
COMMENT ON COLUMN sungrow_alerts.device_id IS 'which device; empty: what belongs to the whole server';
COMMENT ON COLUMN sungrow_alerts.rule IS 'its name, as in RULE_NAME=off';
COMMENT ON COLUMN sungrow_alerts.key IS 'which of several that one rule finds at a time: the number of a fault word, the name of a channel';
COMMENT ON COLUMN sungrow_alerts.severity IS 'critical, warning or info';
COMMENT ON COLUMN sungrow_alerts.state IS 'pending (not yet for long enough), open, clearing (well again, not yet for long enough), closed';
COMMENT ON COLUMN sungrow_alerts.since IS 'when it began, by what was measured';
COMMENT ON COLUMN sungrow_alerts.opened_at IS 'when it had held for long enough; null: it has not, or never did';
COMMENT ON COLUMN sungrow_alerts.last_true_at IS 'when it was last seen to hold';
COMMENT ON COLUMN sungrow_alerts.closed_at IS 'when it had been well for long enough; null: it is not over';
COMMENT ON COLUMN sungrow_alerts.detail IS 'title, text and values, as people read them; further keys are the rule''s own';
COMMENT ON COLUMN sungrow_alerts.repeats IS 'how often it was told again while open';
COMMENT ON COLUMN sungrow_alerts.flaps IS 'how often it opened again within the hour';

CREATE TABLE sungrow_alert_outbox (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    position     bigint GENERATED ALWAYS AS IDENTITY,
    alert_id     bigint REFERENCES sungrow_alerts ON DELETE CASCADE,
    channel      text NOT NULL,
    event        text NOT NULL CHECK (event IN ('opened', 'repeated', 'resolved', 'digest', 'test')),
    n            integer NOT NULL,
    body         jsonb NOT NULL,
    not_before   timestamptz NOT NULL DEFAULT now(),
    created_at   timestamptz NOT NULL DEFAULT now(),
    attempts     integer NOT NULL DEFAULT 0,
    unsure       integer NOT NULL DEFAULT 0,
    claimed_at   timestamptz,
    refused_at   timestamptz,
    delivered_at timestamptz,
    given_up_at  timestamptz,
    dropped_at   timestamptz,
    error        text,
    UNIQUE (alert_id, channel, event, n)
);
CREATE INDEX sungrow_alert_outbox_waiting ON sungrow_alert_outbox (channel, position)
    WHERE delivered_at IS NULL AND given_up_at IS NULL AND dropped_at IS NULL;
CREATE INDEX sungrow_alert_outbox_delivered ON sungrow_alert_outbox (channel, delivered_at) WHERE delivered_at IS NOT NULL;
CREATE INDEX sungrow_alert_outbox_refused ON sungrow_alert_outbox (channel, refused_at) WHERE refused_at IS NOT NULL;
CREATE INDEX sungrow_alert_outbox_given_up ON sungrow_alert_outbox (channel, given_up_at) WHERE given_up_at IS NOT NULL;
CREATE INDEX sungrow_alert_outbox_claimed ON sungrow_alert_outbox (channel, claimed_at) WHERE claimed_at IS NOT NULL;
COMMENT ON TABLE sungrow_alert_outbox IS 'Messages, one for each channel; written in the transaction that changes the episode, sent afterwards.';
COMMENT ON COLUMN sungrow_alert_outbox.id IS 'of the message; the same at each attempt, so that a receiver can tell a double';
COMMENT ON COLUMN sungrow_alert_outbox.position IS 'order in which they were written';
COMMENT ON COLUMN sungrow_alert_outbox.alert_id IS 'the episode; of several that one message tells, the first: body.alert_ids has all. Null: a digest or a test';
COMMENT ON COLUMN sungrow_alert_outbox.channel IS 'mail, ntfy, telegram, gotify or webhook';
COMMENT ON COLUMN sungrow_alert_outbox.event IS 'opened, repeated, resolved, digest or test';
COMMENT ON COLUMN sungrow_alert_outbox.n IS 'which of its event: the number of the repeat; 0 for others';
COMMENT ON COLUMN sungrow_alert_outbox.body IS 'what is sent, its text included: version, id, event, device_id, rule, severity, title, text, since, until, values, url, alert_ids';
COMMENT ON COLUMN sungrow_alert_outbox.not_before IS 'when it is due: after quiet hours, after a failed attempt, or 2 min after it was claimed, should the sender die meanwhile';
COMMENT ON COLUMN sungrow_alert_outbox.created_at IS 'when it was written';
COMMENT ON COLUMN sungrow_alert_outbox.attempts IS 'how often it was claimed for sending';
COMMENT ON COLUMN sungrow_alert_outbox.unsure IS 'attempts of which no answer came: the message may have arrived';
COMMENT ON COLUMN sungrow_alert_outbox.claimed_at IS 'when it was last claimed for sending';
COMMENT ON COLUMN sungrow_alert_outbox.refused_at IS 'when the channel last refused it for good; it counts as broken until something is delivered';
COMMENT ON COLUMN sungrow_alert_outbox.delivered_at IS 'when the channel took it';
COMMENT ON COLUMN sungrow_alert_outbox.given_up_at IS 'when it had failed for 72 hours';
COMMENT ON COLUMN sungrow_alert_outbox.dropped_at IS 'when it was no longer needed: another message says it, or the day has had enough of them';
COMMENT ON COLUMN sungrow_alert_outbox.error IS 'why the last attempt failed, or why it was dropped; never holds a secret';

CREATE TABLE sungrow_silences (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id text,
    rule      text,
    from_ts   timestamptz NOT NULL DEFAULT now(),
    to_ts     timestamptz NOT NULL,
    why       text NOT NULL,
    CHECK (to_ts >= from_ts AND to_ts <= from_ts + interval '30 days')
);
CREATE INDEX sungrow_silences_to ON sungrow_silences (to_ts);
COMMENT ON TABLE sungrow_silences IS 'When nobody wants to be told of what; always with an end.';
COMMENT ON COLUMN sungrow_silences.id IS 'of the silence';
COMMENT ON COLUMN sungrow_silences.device_id IS 'of which device; null: of all, and of the server';
COMMENT ON COLUMN sungrow_silences.rule IS 'of which rule; null: of all';
COMMENT ON COLUMN sungrow_silences.from_ts IS 'from when';
COMMENT ON COLUMN sungrow_silences.to_ts IS 'until when; one that is ended early ends here';
COMMENT ON COLUMN sungrow_silences.why IS 'as who set it says';

CREATE TABLE sungrow_alert_run (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    finished_at timestamptz NOT NULL,
    channels    text[] NOT NULL
);
COMMENT ON TABLE sungrow_alert_run IS 'One row: the last run of server.alerts; none where alerts are not used.';
COMMENT ON COLUMN sungrow_alert_run.only_row IS 'true: there is one row';
COMMENT ON COLUMN sungrow_alert_run.finished_at IS 'when the rules were last evaluated';
COMMENT ON COLUMN sungrow_alert_run.channels IS 'the channels that are set up';
