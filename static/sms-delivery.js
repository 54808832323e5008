// Shows that the SMS was not delivered as soon as that is known, on the page that waits for its code.
// Loaded as a module: no globals.
const timer = setInterval(async () => {
  if (document.hidden) return;
  const response = await fetch(location.pathname).catch(() => null);
  if (!response) return;
  if (response.redirected || !response.ok) clearInterval(timer);
  else if ((await response.text()).includes('id="sms-undelivered"')) location.reload();
}, 5000);
