// Submits the form that only passes a response on; without JavaScript, its button does.
// Loaded as a module: no globals.
document.querySelector("form[data-submit-at-once]")?.submit();
