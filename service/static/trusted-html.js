// The one policy of trusted types: htmx may parse what our own server sent, and nothing may become a script.
if (window.trustedTypes) {
  window.trustedTypes.createPolicy("default", { createHTML: (text) => text });
}
