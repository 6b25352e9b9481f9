// Keeps the page fresh at one request every five seconds, never more: each tick runs one job. Rare
// jobs take the turn of the frequent one, never two turns in a row: or else a reading would look late
// that nobody has asked for. A hidden page asks nothing.

const TICK_MS = 5000;

export class Ticker {
  #jobs = [];
  #timer = null;
  #busy = false;
  #wasRare = false;

  // Each job: {everyMs, run, when}; the first is the one that runs when no other is due. `when` may hold one back.
  start(jobs) {
    this.stop();
    const now = performance.now();
    this.#jobs = jobs.map((job) => ({ ...job, lastMs: now }));
    this.#resume();
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = null;
    this.#jobs = [];
  }

  visibilityChanged() {
    clearInterval(this.#timer);
    this.#timer = null;
    if (!document.hidden && this.#jobs.length) {
      this.#run(this.#jobs[0]);
      this.#resume();
    }
  }

  #resume() {
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  #tick() {
    const now = performance.now();
    const [usual, ...rare] = this.#jobs;
    const late = (job) => now - job.lastMs - job.everyMs;
    const isDue = (job) => late(job) >= 0 && (job.when?.() ?? true);
    const due = rare.filter(isDue).sort((a, b) => late(b) - late(a))[0];
    this.#wasRare = !this.#wasRare && due !== undefined;
    this.#run(this.#wasRare ? due : usual);
  }

  async #run(job) {
    if (this.#busy || document.hidden) return;
    this.#busy = true;
    job.lastMs = performance.now();
    try {
      await job.run();
    } finally {
      this.#busy = false;
    }
  }
}
