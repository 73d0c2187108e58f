"use strict";
// Draws the interactive document. Whoever is logged in tries it under that login, whose requests
// must carry the secret of its forms; no validator elsewhere is told of this address.
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
