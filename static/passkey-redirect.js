// Goes on after a passkey was made; the library's script leaves that to the page.
document.addEventListener("otp_webauthn.register_complete", (event) => {
  location.assign(event.detail.response.redirect_url);
});
