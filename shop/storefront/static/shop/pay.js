/* Mounts Stripe's Payment Element and confirms the payment, or a card that is only saved. A decline is told here, so that another card can
   be tried on the spot; a success goes on to the order's page. */
(() => {
  const { publishable_key, client_secret, return_url, saves_only } = JSON.parse(document.getElementById("payment").textContent);
  const form = document.getElementById("pay-form");
  const button = document.getElementById("pay-button");
  const problem = document.getElementById("pay-error");

  const tell = (words) => {
    problem.textContent = words;
    problem.hidden = !words;
  };

  if (typeof Stripe === "undefined") {
    tell(`The card form could not be loaded. ${saves_only ? "Nothing is saved" : "Your order is kept"}: please load this page again in a moment.`);
    return;
  }

  const stripe = Stripe(publishable_key);
  const elements = stripe.elements({
    clientSecret: client_secret,
    appearance: { variables: { colorPrimary: "#3b6a66", colorText: "#26312f", colorDanger: "#9c2f1f", borderRadius: "6px" } },
  });
  const element = elements.create("payment");
  element.on("ready", () => { button.disabled = false; });
  element.mount("#payment-element");

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    tell("");
    button.disabled = true;
    form.setAttribute("aria-busy", "true");
    const { error } = await (saves_only ? stripe.confirmSetup : stripe.confirmPayment).call(stripe, {
      elements,
      confirmParams: { return_url: new URL(return_url, location.origin).href },
    });
    form.removeAttribute("aria-busy");
    button.disabled = false;
    if (!error) return;
    const hint = error.type === "card_error" ? " Nothing was charged. You can try another card." : "";
    tell((error.message || "That did not work. Please try again.") + hint);
  });
})();
