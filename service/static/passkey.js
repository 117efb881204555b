// Passkeys: ask the browser for one, and send what it answers with the form that it belongs to. Without this file, or
// without passkeys, those forms stay hidden.
const bytesOf = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
const textOf = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const withId = (descriptor) => ({ ...descriptor, id: bytesOf(descriptor.id) });

async function ask(kind, options) {
  options.challenge = bytesOf(options.challenge);
  if (kind === "create") {
    options.user.id = bytesOf(options.user.id);
    options.excludeCredentials = (options.excludeCredentials ?? []).map(withId);
    return navigator.credentials.create({ publicKey: options });
  }
  options.allowCredentials = (options.allowCredentials ?? []).map(withId);
  return navigator.credentials.get({ publicKey: options });
}

function written(credential) {
  const answer = { clientDataJSON: textOf(credential.response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) answer[name] = textOf(credential.response[name]);
  }
  const id = textOf(credential.rawId);
  return JSON.stringify({ id, rawId: id, type: credential.type, response: answer });
}

async function send(event) {
  event.preventDefault();
  const form = event.currentTarget;
  const failed = form.querySelector("[data-failed]");
  failed.hidden = true;
  try {
    const credential = await ask(form.dataset.passkey, JSON.parse(form.dataset.options));
    form.elements.credential.value = written(credential);
  } catch {
    failed.hidden = false;
    return;
  }
  form.submit();
}

if (window.PublicKeyCredential) {
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.hidden = false;
    form.addEventListener("submit", send);
  }
  for (const hint of document.querySelectorAll("[data-no-passkeys]")) hint.hidden = true;
}
