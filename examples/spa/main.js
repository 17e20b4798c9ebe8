import { UserManager, WebStorageStateStore } from 'oidc-client-ts'

const asked = new URLSearchParams(location.search)
for (const name of ['client_id', 'issuer']) {
  if (asked.has(name)) sessionStorage.setItem(name, asked.get(name))
}

const here = `${location.origin}${location.pathname}`
const manager = new UserManager({
  authority: sessionStorage.getItem('issuer') ?? 'http://localhost:8000',
  client_id: sessionStorage.getItem('client_id') ?? '',
  redirect_uri: here,
  post_logout_redirect_uri: here,
  scope: 'openid profile email offline_access',
  loadUserInfo: true,
  automaticSilentRenew: true,
  userStore: new WebStorageStateStore({ store: sessionStorage }),
})

const element = (id) => document.getElementById(id)

function show(user, message = '') {
  const signedIn = Boolean(user && !user.expired)
  element('who').textContent = message || (signedIn ? `Hello, ${user.profile.name ?? user.profile.sub}.` : 'You are not signed in.')
  element('claims').textContent = signedIn ? JSON.stringify(user.profile, null, 2) : ''
  element('sign-in').hidden = signedIn
  element('refresh').hidden = element('sign-out').hidden = !signedIn
}

// One sentence for whatever goes wrong, from a denied consent to a provider that is not running.
const attempt = (action) => async () => {
  try {
    await action()
  } catch (error) {
    show(null, error.error_description ?? error.message)
  }
}

element('sign-in').onclick = attempt(() => manager.signinRedirect())
element('refresh').onclick = attempt(async () => show(await manager.signinSilent()))
element('sign-out').onclick = attempt(() => manager.signoutRedirect())

await attempt(async () => {
  if (!sessionStorage.getItem('client_id')) {
    show(null, 'Open this page once with ?client_id=… in its address.')
  } else if (asked.has('state') && (asked.has('code') || asked.has('error'))) {
    history.replaceState(null, '', here) // The code is used once: a reload must not send it again.
    show(await manager.signinRedirectCallback(`${here}?${asked}`))
  } else {
    history.replaceState(null, '', here)
    show(await manager.getUser())
  }
})()
