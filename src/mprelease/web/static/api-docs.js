"use strict";
// Renders the interactive API document. With a login its requests use that session, so they need
// the CSRF token. The online validator is disabled: it would receive this server's URL.
window.SwaggerUIBundle({
  url: "/api/openapi.json",
  dom_id: "#api",
  deepLinking: true,
  validatorUrl: null,
  requestInterceptor: (request) => {
    if (document.body.dataset.csrf) request.headers["x-csrf"] = document.body.dataset.csrf;
    return request;
  },
});
