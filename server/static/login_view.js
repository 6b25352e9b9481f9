// Asks for a read token, once; it goes to the server and is kept nowhere here.

import { logIn, trouble } from './api.js';
import { el, say } from './dom.js';

export class LoginView {
  title = 'Log in';
  isLogin = true;
  jobs = [];
  #error = el('p', { class: 'error', role: 'alert' });
  #input = el('input', {
    id: 'token',
    name: 'token',
    type: 'password',
    autocomplete: 'current-password',
    required: true,
    spellcheck: 'false',
    autocapitalize: 'none',
  });
  #button = el('button', { type: 'submit' }, 'Log in');

  // done(): what follows a login that succeeded.
  constructor(done) {
    const form = el(
      'form',
      { class: 'card login', submit: (event) => this.#submit(event, done) },
      el('h1', { tabindex: -1 }, 'Log in'),
      el(
        'p',
        {},
        'Enter a read token of your server once. This browser then stays logged in for as long as you keep coming back.',
      ),
      el('input', {
        class: 'unseen',
        type: 'text',
        name: 'username',
        autocomplete: 'username',
        value: 'read token',
        tabindex: -1,
        'aria-hidden': true,
        readonly: true,
      }),
      el('label', { for: 'token' }, 'Read token'),
      this.#input,
      this.#error,
      this.#button,
    );
    this.element = form;
  }

  async load() {
    this.#input.focus();
  }

  async #submit(event, done) {
    event.preventDefault();
    this.#button.disabled = true;
    say(this.#error, '');
    try {
      await logIn(this.#input.value.trim());
      this.#input.value = '';
      await done();
    } catch (thrown) {
      say(this.#error, words(trouble(thrown)));
      this.#input.select();
    } finally {
      this.#button.disabled = false;
    }
  }
}

function words({ status, message, retryAfterS }) {
  if (status === 401) return 'The server does not know this token.';
  if (status === 429) return `Too many wrong tokens. Try again in ${retryAfterS ?? 60} seconds.`;
  if (status === 403) return `Not with this one: ${message}.`;
  if (status === 0) return 'The server cannot be reached. Try again in a moment.';
  return `The server says: ${message}.`;
}
