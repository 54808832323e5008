// Submits the form when its code has six digits and nothing else is missing. Loaded as a module: no globals.
for (const input of document.querySelectorAll("input.one-time-code")) {
  input.addEventListener("input", () => {
    const others = [...input.form.querySelectorAll("input:not([type=hidden])")].filter((field) => field !== input);
    if (/^(\D*\d){6}\D*$/.test(input.value) && others.every((field) => field.value)) input.form.requestSubmit();
  });
}
