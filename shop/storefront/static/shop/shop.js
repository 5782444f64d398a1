/* A select, radio or number marked data-submits sends its form when it changes, so that no button is needed.
   data-submits="update" presses the button of that name. Without this file the buttons are there. */
document.documentElement.classList.add("has-script");
document.addEventListener("change", (event) => {
  const field = event.target;
  if (!(field instanceof HTMLElement) || field.dataset.submits === undefined || !field.form) return;
  if (field.checkValidity && !field.checkValidity()) return;
  const button = field.dataset.submits ? field.form.elements.namedItem(field.dataset.submits) : null;
  field.form.requestSubmit(button);
});
