// What is known of the newest reading: asked for again and again, told by the line at the top, and handed
// to the view that is open. How old it is this page counts itself, whether anybody answers or not.

import { isRefused, load, trouble } from './api.js';
import { AwayLine, FreshnessLine, hasFault, isAway, lateAfterS } from './freshness.js';
import { t } from './language.js';
import { power, share } from './words.js';

const MINUTE = 60e3;
const SURELY_LATE_S = 60;
const FAULT_OVER_MS = 10 * MINUTE; // as the server counts it
const UNREACHABLE = { status: 0, message: t('cannot_reach') };
const BETWEEN_ASKS_S = 12; // a reading that arrived meanwhile may not be known here yet
// isAnswered: before that it is not known that there is no reading.
const NOTHING = {
  isAnswered: false,
  reading: null,
  heardMs: 0,
  lateAnswers: 0,
  error: null,
  status: null,
  today: null,
  fault: null, // {words, ms}: of the last reading that had one
};

export class Live {
  #line = new FreshnessLine();
  #away = new AwayLine();
  #here = null;
  #known = {};
  #timer = null;
  #wasLate = false;

  // begun(): the device has sent its first reading; ended(): the session is over; recovered(): the server answers
  // again after what was shown as of before.
  constructor({ begun, ended, recovered }) {
    Object.assign(this, { begun, ended, recovered });
  }

  // Go on with this device; view: what is open, which may want each reading.
  follow(here, view) {
    if (this.#here?.device.device_id !== here.device.device_id) {
      this.#known = { ...NOTHING };
    } else if (this.#isRefused) {
      this.#known.error = null; // someone who looks elsewhere asks once more
    }
    this.#here = here;
    this.view = view;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#count(), 1000);
    if (this.#known.reading) this.#tell(here);
    return Promise.all([this.#refresh(), this.#refreshToday()]);
  }

  get jobs() {
    return [
      { everyMs: 0, run: () => this.#refresh() },
      { everyMs: MINUTE / 2, when: () => this.#late, run: () => this.#refreshStatus() },
      { everyMs: 5 * MINUTE, when: () => !this.#isRefused, run: () => this.#refreshToday() },
    ];
  }

  // Who comes back after hours sees at once how old all this is, before anything was asked.
  wake() {
    if (this.#here && this.#known.reading) this.#tell(this.#here);
  }

  get #ageS() {
    const { reading, heardMs } = this.#known;
    return reading.age_s + Math.max(Date.now() - heardMs, 0) / 1000;
  }

  // One late answer may come a moment before the next upload; two in a row do not.
  get #late() {
    const { reading, lateAnswers } = this.#known;
    if (!reading) return false;
    const isOld = this.#ageS > lateAfterS(reading) + BETWEEN_ASKS_S;
    return lateAnswers > 1 || (lateAnswers === 1 && this.#ageS > SURELY_LATE_S) || (!lateAnswers && isOld);
  }

  get #isRefused() {
    return Boolean(this.#known.error) && isRefused(this.#known.error);
  }

  stop() {
    clearInterval(this.#timer);
    this.#here = null;
    this.#line.hide();
    this.#away.show(null);
  }

  // Whether the server answers, and since when it does not; here: of the view that is open.
  sayAway(here) {
    if (here !== this.#here) return;
    const { error, reading } = this.#known;
    const { keptMs } = here;
    const moments = [keptMs, reading && Date.parse(reading.ts)].filter(Boolean);
    const why = isAway(error) ? error : keptMs ? UNREACHABLE : null;
    document.body.classList.toggle('is-kept', Boolean(keptMs));
    this.#away.show(why, moments.length ? Math.min(...moments) : null, here.zone);
  }

  async #refresh() {
    const here = this.#here;
    if (this.#isRefused) return;
    try {
      if (!here.device.first_ts) return await this.#awaitFirst(here);
      const reading = await here.ask('/v1/realtime');
      if (here !== this.#here) return undefined;
      this.#hear(reading);
      if (this.#late && !this.#known.status && !reading.kept) await this.#refreshStatus();
      if (!this.#late) this.#known.status = null;
      await this.#lookForFault(here, reading);
    } catch (thrown) {
      const error = trouble(thrown);
      if (!error) return undefined;
      if (error.status === 401) return this.ended();
      const none = error.status === 404; // no reading, or none any more
      this.#known = none ? { ...NOTHING } : { ...this.#known, error };
    }
    this.#known.isAnswered = true;
    return this.#tell(here);
  }

  // An answer that was kept is of the time when it was given.
  #hear(reading) {
    const wasKept = this.#known.reading?.kept;
    const lateAnswers = reading.age_s > lateAfterS(reading) ? this.#known.lateAnswers + 1 : 0;
    const error = reading.kept ? UNREACHABLE : null;
    this.#known = { ...this.#known, reading, heardMs: reading.kept ?? Date.now(), lateAnswers, error };
    if (wasKept && !reading.kept) this.recovered();
  }

  // A device that never sent anything has no newest reading to ask for.
  async #awaitFirst(here) {
    const { devices } = await here.ask('/v1/devices');
    const begun = devices.some(({ device_id: id, first_ts: first }) => id === here.device.device_id && first);
    this.#known.isAnswered = true;
    return begun ? this.begun() : this.#tell(here);
  }

  async #refreshStatus() {
    try {
      const status = await this.#here.ask('/v1/status');
      this.#known.status = status;
    } catch (thrown) {
      trouble(thrown); // where the reading waits stays untold
    }
  }

  // A fault counts as open until the readings of ten minutes are without it. Its words are loaded where there is one.
  async #lookForFault(here, reading) {
    const ms = Date.parse(reading.ts);
    const { fault } = this.#known;
    if (hasFault(reading)) {
      const { faultLine } = await load(() => import('./faults.js'));
      const words = await faultLine(reading);
      if (here === this.#here) this.#known.fault = { words, ms };
    } else if (fault && ms - fault.ms >= FAULT_OVER_MS) this.#known.fault = null;
  }

  async #refreshToday() {
    const here = this.#here;
    try {
      const { days } = await here.ask('/v1/completeness', { date: here.today() });
      [this.#known.today] = days;
      this.#tell(here);
    } catch (thrown) {
      trouble(thrown); // the next reading shows it
    }
  }

  // Each second: the line; and the view, as soon as what it shows is of the past.
  #count() {
    if (!this.#here || !this.#known.reading) return;
    if (this.#late !== this.#wasLate) this.#tell(this.#here);
    else this.#sayLine(this.#here);
  }

  #sayLine(here) {
    const { reading, today } = this.#known;
    const late = this.#late;
    const complete = reading && today?.expected
      ? t('of_today', { share: share(Math.min(1, today.stored / today.expected), 1) })
      : '';
    const ageS = reading ? this.#ageS : null;
    this.#line.showFault(this.#known.fault?.words ?? '', here.link({ view: 'system' }));
    this.#line.show({ ...this.#known, ageS, late, none: here.p1?.NONE_YET }, here.zone, complete);
  }

  #tell(here) {
    if (here !== this.#here || !this.#known.isAnswered) return;
    const { reading, error } = this.#known;
    const late = this.#late;
    this.#wasLate = late;
    this.#sayLine(here);
    this.sayAway(here);
    // Its age as of now, so that a gap that runs can be drawn.
    this.view.reading?.(reading && { ...reading, age_s: this.#ageS }, late || error, error);
    if (!this.view.live) return;
    const isLive = reading && !late && !error;
    document.title = isLive
      ? t('title_now', { power: power(reading.pv_power_w) })
      : t('title', { view: this.view.title });
  }
}
