// Shows a text that was not saved in the preview at once. Without JavaScript, the button does.
document.querySelector("[data-show-now]")?.click();
