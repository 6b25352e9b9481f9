// What is known of the newest reading: asked for again and again, told by the line at the top, and handed
// to the view that is open.

import { isRefused, trouble } from './api.js';
import { FreshnessLine, isLate } from './freshness.js';
import { share } from './words.js';

const MINUTE = 60e3;
const SURELY_LATE_S = 60;
const NOTHING = { reading: null, lateAnswers: 0, error: null, status: null, today: null };

export class Live {
  #line = new FreshnessLine();
  #here = null;
  #known = {};

  // begun(): the device has sent its first reading; ended(): the session is over.
  constructor({ begun, ended }) {
    this.begun = begun;
    this.ended = ended;
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
    return Promise.all([this.#refresh(), this.#refreshToday()]);
  }

  get jobs() {
    return [
      { everyMs: 0, run: () => this.#refresh() },
      { everyMs: MINUTE / 2, when: () => this.#late, run: () => this.#refreshStatus() },
      { everyMs: 5 * MINUTE, when: () => !this.#isRefused, run: () => this.#refreshToday() },
    ];
  }

  // One late answer may come a moment before the next upload; two in a row do not.
  get #late() {
    const { reading, lateAnswers } = this.#known;
    return lateAnswers > 1 || (lateAnswers === 1 && reading.age_s > SURELY_LATE_S);
  }

  get #isRefused() {
    return Boolean(this.#known.error) && isRefused(this.#known.error);
  }

  stop() {
    this.#here = null;
    this.#line.hide();
  }

  async #refresh() {
    const here = this.#here;
    if (this.#isRefused) return;
    try {
      if (!here.device.first_ts) return await this.#awaitFirst(here);
      const reading = await here.ask('/v1/realtime');
      const lateAnswers = isLate(reading) ? this.#known.lateAnswers + 1 : 0;
      this.#known = { ...this.#known, reading, lateAnswers, error: null };
      if (this.#late && !this.#known.status) await this.#refreshStatus();
      if (!lateAnswers) this.#known.status = null;
    } catch (thrown) {
      const error = trouble(thrown);
      if (!error) return undefined;
      if (error.status === 401) return this.ended();
      const none = error.status === 404; // no reading, or none any more
      this.#known = none ? { ...NOTHING } : { ...this.#known, error };
    }
    return this.#tell(here);
  }

  // A device that never sent anything has no newest reading to ask for.
  async #awaitFirst(here) {
    const { devices } = await here.ask('/v1/devices');
    const begun = devices.some(({ device_id: id, first_ts: first }) => id === here.device.device_id && first);
    return begun ? this.begun() : this.#tell(here);
  }

  async #refreshStatus() {
    try {
      this.#known.status = await this.#here.ask('/v1/status');
    } catch (thrown) {
      trouble(thrown); // where the reading waits stays untold
    }
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

  #tell(here) {
    if (here !== this.#here) return;
    const { reading, error, today } = this.#known;
    const late = this.#late;
    const complete = today?.expected
      ? `${share(Math.min(1, today.stored / today.expected), 1)} of today’s readings`
      : '';
    this.#line.show({ ...this.#known, late, none: here.p1?.NONE_YET }, here.zone, complete);
    this.view.reading?.(reading, late || error);
  }
}
