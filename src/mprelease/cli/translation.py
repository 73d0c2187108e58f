"""The words of this terminal: its language is known before anything else is read."""

from mprelease.i18n import Translator, language_of
from mprelease.settings.environment import requested_language

t = Translator(language_of(requested_language()))
