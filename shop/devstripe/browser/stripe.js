/* A stand-in for stripe.js, served by devstripe. It takes Stripe's published test cards only, talks to devstripe
   with the publishable key and a client secret, and works under a strict Content Security Policy: no inline
   handlers, no eval, no inline styles. */
(function () {
  "use strict";

  const BASE = new URL(document.currentScript.src).origin;
  const CARDS = [
    ["4242 4242 4242 4242", "Succeeds"],
    ["4000 0000 0000 3220", "Asks for 3-D Secure"],
    ["4000 0000 0000 0002", "Is declined"],
    ["4000 0000 0000 9995", "Has insufficient funds"],
    ["4000 0027 6000 3184", "Always asks for 3-D Secure"],
  ];
  const STYLE = `
    :host { display: block; }
    .form { font: 15px/1.4 var(--font); color: var(--text); }
    .note { margin: 0 0 12px; padding: 7px 10px; border-radius: 6px; background: #fff4d6; color: #5c3d00; font-size: 13px; }
    .note b { margin-right: 6px; padding: 1px 6px; border-radius: 4px; background: #5c3d00; color: #fff; font-size: 11px; letter-spacing: .04em; }
    label { display: block; margin: 0 0 4px; font-size: 13px; font-weight: 600; }
    .row { display: grid; grid-template-columns: 1fr 1fr; gap: 12px; margin-top: 12px; }
    input { width: 100%; box-sizing: border-box; padding: 10px 12px; border: 1px solid #c6ccd5; border-radius: var(--radius); background: var(--background); color: inherit; font: inherit; font-variant-numeric: tabular-nums; }
    input::placeholder { color: #6f7885; opacity: 1; }
    input:focus-visible, button:focus-visible { outline: 3px solid var(--primary); outline-offset: 1px; }
    input[aria-invalid="true"] { border-color: var(--danger); }
    .problem { min-height: 18px; margin: 6px 0 0; color: var(--danger); font-size: 13px; }
    fieldset { margin: 6px 0 0; padding: 0; border: 0; }
    legend { padding: 0 0 6px; color: #5b6472; font-size: 13px; }
    ul { display: grid; gap: 5px; margin: 0; padding: 0; list-style: none; }
    button { display: flex; justify-content: space-between; flex-wrap: wrap; gap: 2px 12px; width: 100%; padding: 7px 10px; border: 1px solid #dfe3e8; border-radius: var(--radius); background: #f7f8fa; color: #1f2937; font: inherit; font-size: 13px; text-align: left; cursor: pointer; }
    button:hover { border-color: var(--primary); }
    button span:first-child { font-variant-numeric: tabular-nums; }
    button span:last-child { color: #4b5563; }
    .hidden { display: none; }
  `;
  const VARIABLES = {
    "--primary": ["colorPrimary", "#4f46e5"],
    "--background": ["colorBackground", "#ffffff"],
    "--text": ["colorText", "#1f2937"],
    "--danger": ["colorDanger", "#b42318"],
    "--font": ["fontFamily", "system-ui, sans-serif"],
    "--radius": ["borderRadius", "6px"],
  };

  /* ------------------------------------------------------------------ the wire */

  function pairs(value, name, out) {
    if (value === undefined || value === null) return out;
    if (typeof value === "object") {
      Object.keys(value).forEach((key) => pairs(value[key], name ? `${name}[${key}]` : key, out));
    } else {
      out.push([name, String(value)]);
    }
    return out;
  }

  async function call(key, method, path, params) {
    const form = new URLSearchParams(pairs(params || {}, "", [])).toString();
    const headers = { Authorization: `Bearer ${key}` };
    let url = BASE + path;
    const options = { method, headers };
    if (method === "GET") {
      url += form ? `?${form}` : "";
    } else {
      headers["Content-Type"] = "application/x-www-form-urlencoded";
      options.body = form;
    }
    try {
      const answer = await fetch(url, options);
      return await answer.json();
    } catch (problem) {
      return { error: { type: "api_connection_error", message: "We could not reach the test payment service. Please try again." } };
    }
  }

  /* ------------------------------------------------------------------ the card form */

  function make(tag, attributes, children) {
    const node = document.createElement(tag);
    Object.entries(attributes || {}).forEach(([name, value]) => node.setAttribute(name, value));
    (children || []).forEach((child) => node.append(child));
    return node;
  }

  function digits(text) {
    return text.replace(/\D/g, "");
  }

  function luhn(number) {
    let sum = 0;
    [...number].reverse().forEach((digit, index) => {
      const value = Number(digit) * (index % 2 ? 2 : 1);
      sum += value > 9 ? value - 9 : value;
    });
    return sum % 10 === 0;
  }

  function brandOf(number) {
    if (/^3[47]/.test(number)) return "amex";
    if (/^(5[1-5]|2[2-7])/.test(number)) return "mastercard";
    return /^4/.test(number) ? "visa" : "unknown";
  }

  function checkNumber(number) {
    if (number.length < (brandOf(number) === "amex" ? 15 : 14)) return ["incomplete_number", "Your card number is incomplete."];
    if (brandOf(number) === "visa" && number.length < 16) return ["incomplete_number", "Your card number is incomplete."];
    return luhn(number) ? null : ["invalid_number", "Your card number is invalid."];
  }

  function checkExpiry(expiry) {
    const month = Number(expiry.slice(0, 2));
    const year = 2000 + Number(expiry.slice(2, 4));
    if (expiry.length < 4 || month < 1 || month > 12) return ["incomplete_expiry", "Your card's expiry date is incomplete."];
    const now = new Date();
    const past = year < now.getFullYear() || (year === now.getFullYear() && month < now.getMonth() + 1);
    return past ? ["invalid_expiry_year_past", "Your card's expiry date is in the past."] : null;
  }

  function checkCvc(cvc, number) {
    const wanted = brandOf(number) === "amex" ? 4 : 3;
    return cvc.length < wanted ? ["incomplete_cvc", "Your card's security code is incomplete."] : null;
  }

  function field(id, label, attributes) {
    const input = make("input", { id, name: id, inputmode: "numeric", "aria-describedby": "problem", ...attributes });
    return { input, box: make("div", {}, [make("label", { for: id }, [label]), input]) };
  }

  function drawCards(choose) {
    const rows = CARDS.map(([number, effect]) => {
      const button = make("button", { type: "button", "data-card": digits(number) }, [make("span", {}, [number]), make("span", {}, [effect])]);
      button.addEventListener("click", () => choose(number));
      return make("li", {}, [button]);
    });
    return make("fieldset", {}, [make("legend", {}, ["Published test cards: choose one to fill it in"]), make("ul", {}, rows)]);
  }

  function drawForm(root, appearance) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    const variables = (appearance && appearance.variables) || {};
    Object.entries(VARIABLES).forEach(([name, [option, usual]]) => root.host.style.setProperty(name, variables[option] || usual));
    const number = field("number", "Card number", { placeholder: "4242 4242 4242 4242", autocomplete: "cc-number", maxlength: "23" });
    const expiry = field("expiry", "Expiry date", { placeholder: "MM / YY", autocomplete: "cc-exp", maxlength: "7" });
    const cvc = field("cvc", "Security code", { placeholder: "CVC", autocomplete: "cc-csc", maxlength: "4" });
    const problem = make("p", { id: "problem", class: "problem", role: "alert" });
    const form = make("div", { class: "form", role: "group", "aria-label": "Test card" }, [
      make("p", { class: "note" }, [make("b", {}, ["TEST"]), "Test card form — no real money"]),
      number.box,
      make("div", { class: "row" }, [expiry.box, cvc.box]),
      problem,
      drawCards((chosen) => {
        number.input.value = chosen;
        expiry.input.value = "12 / 34";
        cvc.input.value = "123";
        number.input.dispatchEvent(new Event("input", { bubbles: true }));
      }),
    ]);
    root.append(form);
    return { number: number.input, expiry: expiry.input, cvc: cvc.input, problem };
  }

  function tidy(inputs, target) {
    if (target === inputs.number) {
      const number = digits(target.value).slice(0, 19);
      target.value = (number.match(/.{1,4}/g) || []).join(" ");
    } else if (target === inputs.expiry) {
      const parts = digits(target.value).slice(0, 4);
      target.value = parts.length > 2 ? `${parts.slice(0, 2)} / ${parts.slice(2)}` : parts;
    } else if (target === inputs.cvc) {
      target.value = digits(target.value).slice(0, 4);
    }
  }

  class Element {
    constructor(type, elements, options) {
      this._type = type;
      this._elements = elements;
      this._options = options || {};
      this._listeners = {};
      this._host = null;
      this._inputs = null;
    }

    mount(target) {
      const place = typeof target === "string" ? document.querySelector(target) : target;
      if (!place) throw new Error(`The selector you specified (${target}) applies to no DOM elements that are currently on the page.`);
      this._host = make("div", { class: "StripeElement" });
      this._inputs = drawForm(this._host.attachShadow({ mode: "open" }), this._elements._options.appearance);
      this._host.shadowRoot.addEventListener("input", (event) => this._changed(event));
      place.replaceChildren(this._host);
      Promise.resolve().then(() => this._fire("ready", { elementType: this._type }));
      return this;
    }

    _changed(event) {
      if (event.isTrusted) tidy(this._inputs, event.target);
      this._show(null);
      const filled = this._card();
      const empty = !filled.number && !filled.expiry && !filled.cvc;
      const value = this._type === "payment" ? { type: "card" } : { postalCode: "" };
      this._fire("change", { elementType: this._type, empty, complete: !this._problem(), error: undefined, brand: brandOf(filled.number), collapsed: false, value });
    }

    _card() {
      const { number, expiry, cvc } = this._inputs;
      return { number: digits(number.value), expiry: digits(expiry.value), cvc: digits(cvc.value) };
    }

    _problem() {
      const { number, expiry, cvc } = this._card();
      const checks = { number: checkNumber(number), expiry: checkExpiry(expiry), cvc: checkCvc(cvc, number) };
      const bad = Object.keys(checks).find((name) => checks[name]);
      return bad ? { field: bad, type: "validation_error", code: checks[bad][0], message: checks[bad][1] } : null;
    }

    _show(problem) {
      ["number", "expiry", "cvc"].forEach((name) => this._inputs[name].setAttribute("aria-invalid", String(Boolean(problem && problem.field === name))));
      this._inputs.problem.textContent = problem ? problem.message : "";
      if (problem) this._inputs[problem.field].focus();
    }

    /* The card as Stripe's API takes it, or what is wrong with it. */
    _read() {
      const problem = this._problem();
      this._show(problem);
      if (problem) return { error: { type: problem.type, code: problem.code, message: problem.message } };
      const { number, expiry, cvc } = this._card();
      const card = { number, exp_month: Number(expiry.slice(0, 2)), exp_year: 2000 + Number(expiry.slice(2)), cvc };
      return { method: { type: "card", card } };
    }

    _fire(name, event) {
      (this._listeners[name] || []).slice().forEach((listener) => listener(event));
    }

    on(name, listener) {
      (this._listeners[name] = this._listeners[name] || []).push(listener);
      return this;
    }

    once(name, listener) {
      const single = (event) => {
        this.off(name, single);
        listener(event);
      };
      return this.on(name, single);
    }

    off(name, listener) {
      this._listeners[name] = (this._listeners[name] || []).filter((known) => listener && known !== listener);
      return this;
    }

    update(options) {
      Object.assign(this._options, options);
      return this;
    }

    focus() {
      this._inputs.number.focus();
    }

    blur() {
      if (this._host.shadowRoot.activeElement) this._host.shadowRoot.activeElement.blur();
    }

    clear() {
      ["number", "expiry", "cvc"].forEach((name) => (this._inputs[name].value = ""));
      this._show(null);
    }

    collapse() {}

    unmount() {
      if (this._host) this._host.remove();
      this._host = null;
    }

    destroy() {
      this.unmount();
      this._elements._forget(this);
    }
  }

  class Elements {
    constructor(options) {
      this._options = options || {};
      this._made = new Map();
    }

    create(type, options) {
      if (!["payment", "card"].includes(type)) throw new Error(`The test stand-in draws the payment and card elements only, not ${type}.`);
      const element = new Element(type, this, options);
      this._made.set(type, element);
      return element;
    }

    getElement(type) {
      return this._made.get(type) || null;
    }

    update(options) {
      Object.assign(this._options, options);
    }

    async fetchUpdates() {
      return {};
    }

    async submit() {
      const { error } = this._read();
      return error ? { error } : { selectedPaymentMethod: "card" };
    }

    _read() {
      const [element] = this._made.values();
      if (!element || !element._host) throw new Error("confirm needs a mounted Payment Element.");
      return element._read();
    }

    _forget(element) {
      this._made.delete(element._type);
    }
  }

  /* ------------------------------------------------------------------ Stripe() */

  const KINDS = {
    pi: { path: "/v1/payment_intents/", result: "paymentIntent", parameter: "payment_intent" },
    seti: { path: "/v1/setup_intents/", result: "setupIntent", parameter: "setup_intent" },
  };

  function intentOf(clientSecret) {
    const id = String(clientSecret || "").split("_secret_")[0];
    const kind = KINDS[id.split("_")[0]];
    if (!kind || !clientSecret.includes("_secret_")) throw new Error(`${clientSecret} is not a client secret.`);
    return { id, ...kind };
  }

  function withResult(url, intent, kind) {
    const back = new URL(url, location.href);
    back.searchParams.set(kind.parameter, intent.id);
    back.searchParams.set(`${kind.parameter}_client_secret`, intent.client_secret);
    back.searchParams.set("redirect_status", "succeeded");
    return back.href;
  }

  function leaveFor(url) {
    location.assign(url);
    return new Promise(() => {});
  }

  class StripeClient {
    constructor(key, options) {
      if (!/^pk_test_/.test(key || "")) throw new Error("The test stand-in takes a publishable test key (pk_test_…) only.");
      this._key = key;
      this._options = options || {};
    }

    elements(options) {
      return new Elements(options);
    }

    confirmPayment(options) {
      return this._confirm(options);
    }

    confirmSetup(options) {
      return this._confirm(options);
    }

    confirmCardPayment(clientSecret, data, options) {
      return this._confirmCard(clientSecret, data, options);
    }

    confirmCardSetup(clientSecret, data, options) {
      return this._confirmCard(clientSecret, data, options);
    }

    async _confirm({ elements, clientSecret, confirmParams, redirect }) {
      const secret = clientSecret || (elements && elements._options.clientSecret);
      const { payment_method_data: details, ...params } = confirmParams || {};
      if (!params.payment_method) {
        const { error, method } = elements._read();
        if (error) return { error };
        params.payment_method_data = { ...method, ...details };
      }
      return this._send(secret, params, redirect || "always");
    }

    async _confirmCard(clientSecret, data, options) {
      const { payment_method: chosen, ...params } = data || {};
      if (chosen && typeof chosen === "object") {
        const { error, method } = chosen.card._read();
        if (error) return { error };
        params.payment_method_data = { ...method, billing_details: chosen.billing_details };
      } else if (chosen) {
        params.payment_method = chosen;
      }
      const answer = await this._send(clientSecret, { return_url: location.href, ...params }, "if_required", options);
      return answer;
    }

    async _send(clientSecret, params, redirect, options) {
      const kind = intentOf(clientSecret);
      const answer = await call(this._key, "POST", `${kind.path}${kind.id}/confirm`, { ...params, client_secret: clientSecret });
      if (answer.error) return { error: answer.error };
      const handle = !options || options.handleActions !== false;
      if (answer.status === "requires_action" && handle) return this._challenge(answer, params.return_url);
      if (redirect === "always" && params.return_url) return leaveFor(withResult(params.return_url, answer, kind));
      return { [kind.result]: answer };
    }

    _challenge(intent, returnUrl) {
      const action = intent.next_action;
      if (action.type === "redirect_to_url") return leaveFor(action.redirect_to_url.url);
      const page = new URL(action.use_stripe_sdk.stripe_js);
      page.searchParams.set("return_url", returnUrl || location.href);
      return leaveFor(page.href);
    }

    async handleNextAction({ clientSecret }) {
      const kind = intentOf(clientSecret);
      const answer = await this._retrieve(clientSecret);
      const intent = answer[kind.result];
      return intent && intent.status === "requires_action" ? this._challenge(intent) : answer;
    }

    handleCardAction(clientSecret) {
      return this.handleNextAction({ clientSecret });
    }

    async createPaymentMethod({ elements, params, card, billing_details: billing }) {
      const { error, method } = card ? card._read() : elements._read();
      if (error) return { error };
      const answer = await call(this._key, "POST", "/v1/payment_methods", { ...method, billing_details: billing, ...params });
      return answer.error ? { error: answer.error } : { paymentMethod: answer };
    }

    retrievePaymentIntent(clientSecret) {
      return this._retrieve(clientSecret);
    }

    retrieveSetupIntent(clientSecret) {
      return this._retrieve(clientSecret);
    }

    async _retrieve(clientSecret) {
      const kind = intentOf(clientSecret);
      const answer = await call(this._key, "GET", kind.path + kind.id, { client_secret: clientSecret });
      return answer.error ? { error: answer.error } : { [kind.result]: answer };
    }
  }

  const Stripe = (key, options) => new StripeClient(key, options);
  Stripe.version = "devstripe";
  window.Stripe = Stripe;
})();
