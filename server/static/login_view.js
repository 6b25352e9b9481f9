// Asks for a read token, once; it goes to the server and is kept nowhere here.

import { logIn, trouble } from './api.js';
import { el, say } from './dom.js';
import { t } from './language.js';

export class LoginView {
  title = t('login');
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
  #button = el('button', { type: 'submit' }, t('login'));

  // done(): what follows a login that succeeded; why: what went wrong before, if anything did.
  constructor(done, why = '') {
    say(this.#error, why);
    const form = el(
      'form',
      { class: 'card login', submit: (event) => this.#submit(event, done) },
      el('h1', { tabindex: -1 }, t('login')),
      el('p', {}, t('login_hint')),
      el('input', {
        class: 'unseen',
        type: 'text',
        name: 'username',
        autocomplete: 'username',
        value: t('login_name'),
        tabindex: -1,
        'aria-hidden': true,
        readonly: true,
      }),
      el('label', { for: 'token' }, t('login_token')),
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
  if (status === 401) return t('login_unknown');
  if (status === 429) return t('login_too_many', { n: retryAfterS ?? 60 });
  if (status === 403) return t('login_not_this', { why: message });
  if (status === 0) return t('login_no_server');
  return t('full_stop', { what: t('server_says', { what: message }) });
}
